#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json/src.hpp>
#include <ctime>
#include <string>
#include <vector>

#include "nikawa/telemetry/access_log.hpp"

namespace nikawa::telemetry {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

class AccessLine : public testing::Test {
protected:
    AccessLine() {
        setenv("TZ", "JST-9", 1);
        tzset();
    }

    std::string line(LogFormat format = LogFormat::json) {
        std::string out;
        append_line(out, record, format, second);
        return out;
    }

    ExchangeRecord record{
        .time = std::chrono::system_clock::from_time_t(1767279845),  // 2026-01-01T15:04:05Z
        .client_address = "192.0.2.7",
        .method = "GET",
        .path = "/v1/items",
        .status = 200,
        .response_bytes = 12345,
        .user_agent = "curl/7.88.1",
        .total = 104'250us,
        .host = "api.example.com.ccnproxy-https",
        .request_id = "9m4e2mr0ui3e8a215n4g",
        .origin = "https://api.example.com",
        .origin_address = "198.51.100.4:443",
        .protocol = "h2",
        .reused = true,
        .attempts = 1,
        .request_bytes = 7,
        .resolve = 1500us,
        .connect = 50ms,
        .tls = 1s + 1us,
        .wait = 0us,
        .first_byte = 99ms,
    };
    SecondText second;
};

TEST_F(AccessLine, HasChoconsKeysFirstAndThenOurs) {
    EXPECT_EQ(line(),
              R"({"time":"2026/01/02 00:04:05 JST","remote_addr":"192.0.2.7","method":"GET",)"
              R"("uri":"/v1/items","status":200,"size":12345,"ua":"curl/7.88.1","ptime":0.104250,)"
              R"("host":"api.example.com.ccnproxy-https","chocon_req":"9m4e2mr0ui3e8a215n4g",)"
              R"("origin":"https://api.example.com","origin_addr":"198.51.100.4:443","proto":"h2",)"
              R"("reused":true,"attempts":1,"request_size":7,"dns":0.001500,"connect":0.050000,)"
              R"("tls":1.000001,"wait":0,"first_byte":0.099000})"
              "\n");
}

TEST_F(AccessLine, HasTheSameLabelsAsLtsv) {
    record.user_agent = "";
    record.path = "/a\tb\\c";
    EXPECT_EQ(line(LogFormat::ltsv),
              "time:2026/01/02 00:04:05 JST\tremote_addr:192.0.2.7\tmethod:GET\turi:/a\\tb\\\\c\t"
              "status:200\tsize:12345\tua:-\tptime:0.104250\thost:api.example.com.ccnproxy-https\t"
              "chocon_req:9m4e2mr0ui3e8a215n4g\torigin:https://api.example.com\t"
              "origin_addr:198.51.100.4:443\tproto:h2\treused:true\tattempts:1\trequest_size:7\t"
              "dns:0.001500\tconnect:0.050000\ttls:1.000001\twait:0\tfirst_byte:0.099000\n");
}

TEST_F(AccessLine, NamesTheFailureAndTheTraceOnlyWhereThereIsOne) {
    EXPECT_EQ(line().find("error"), std::string::npos);
    EXPECT_EQ(line().find("trace_id"), std::string::npos);

    record.first_byte.reset();
    record.failure = Failure{Errc::connect_timed_out, Side::origin};
    record.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    const auto parsed = boost::json::parse(line()).as_object();
    EXPECT_EQ(parsed.at("error"), "connect_timed_out");
    EXPECT_EQ(parsed.at("error_detail").as_string(), std::string_view{describe(*record.failure)});
    EXPECT_EQ(parsed.at("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_FALSE(parsed.contains("first_byte"));
}

TEST_F(AccessLine, SaysWhyItWaitedAndThatItWasHedgedOnlyWhereThatIsSo) {
    EXPECT_EQ(line().find("cold"), std::string::npos);
    EXPECT_EQ(line().find("hedged"), std::string::npos);

    record.cold = "peak_exceeded";
    record.hedged = true;
    const auto parsed = boost::json::parse(line()).as_object();
    EXPECT_EQ(parsed.at("cold"), "peak_exceeded");
    EXPECT_EQ(parsed.at("hedged"), true);
    EXPECT_NE(line(LogFormat::ltsv).find("\twait:0\tcold:peak_exceeded\thedged:true\t"),
              std::string::npos);
}

TEST_F(AccessLine, EscapesWhatCannotStandInAString) {
    struct Row {
        std::string bytes;
        std::string json;
        std::string ltsv;
    };
    const std::vector<Row> rows = {
        {"plain /~ text", "plain /~ text", "plain /~ text"},
        {"", "", "-"},
        {R"(say "hi" \ there)", R"(say \"hi\" \\ there)", R"(say "hi" \\ there)"},
        {"a\nb\rc\td", R"(a\nb\rc\td)", R"(a\nb\rc\td)"},
        {"\0\x01\x1f\x7f"s, R"(\u0000\u0001\u001f\u007f)", R"(\x00\x01\x1f\x7f)"},
        {"日本語 é 🍫", "日本語 é 🍫", "日本語 é 🍫"},
        {"\xe9t\xe9", R"(\u00e9t\u00e9)", R"(\xe9t\xe9)"},                           // Latin-1
        {"\xc0\x80", R"(\u00c0\u0080)", R"(\xc0\x80)"},                              // overlong
        {"\xe0\x80\x80", R"(\u00e0\u0080\u0080)", R"(\xe0\x80\x80)"},                // overlong
        {"\xed\xa0\x80", R"(\u00ed\u00a0\u0080)", R"(\xed\xa0\x80)"},                // surrogate
        {"\xf4\x90\x80\x80", R"(\u00f4\u0090\u0080\u0080)", R"(\xf4\x90\x80\x80)"},  // too high
        {"\xf5", R"(\u00f5)", R"(\xf5)"},
        {"cut \xe6\x97", R"(cut \u00e6\u0097)", R"(cut \xe6\x97)"},
        {"\xe6\x97\"", R"(\u00e6\u0097\")", R"(\xe6\x97")"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.json);
        record.user_agent = row.bytes;
        const auto json = line();
        EXPECT_NE(json.find(R"("ua":")" + row.json + R"(","ptime")"), std::string::npos) << json;
        boost::json::error_code error;
        boost::json::parse(json, error);
        EXPECT_FALSE(error) << json;
        const auto ltsv = line(LogFormat::ltsv);
        EXPECT_NE(ltsv.find("\tua:" + row.ltsv + "\tptime"), std::string::npos) << ltsv;
    }
}

TEST_F(AccessLine, IsValidForEveryPairOfBytesInEveryField) {
    for (unsigned pair = 0; pair < 0x10000; pair += 7) {
        const std::string text{static_cast<char>(pair >> 8U), static_cast<char>(pair & 0xffU)};
        record.client_address = record.method = record.path = record.host = text;
        record.request_id = record.origin = record.origin_address = record.protocol = text;
        const auto json = line();
        boost::json::error_code error;
        boost::json::parse(json, error);
        ASSERT_FALSE(error) << json;
        ASSERT_EQ(json.find('\n'), json.size() - 1);
    }
}

TEST_F(AccessLine, GivesBackWhatItWasGiven) {
    record.path = "/\"quoted\"\\日本\x01";
    EXPECT_EQ(boost::json::parse(line()).at("uri"), "/\"quoted\"\\日本\x01");
}

TEST_F(AccessLine, HasRoomForTheLongestValues) {
    const std::string longest(200'000, '\x01');
    record.path = longest;
    EXPECT_EQ(boost::json::parse(line()).at("uri").as_string(), std::string_view{longest});
}

TEST_F(AccessLine, FormatsASecondOnlyOnceAndTheNextOneAnew) {
    EXPECT_NE(line().find("00:04:05"), std::string::npos);
    record.time += 999ms;
    EXPECT_NE(line().find("00:04:05"), std::string::npos);
    record.time += 1ms;
    EXPECT_NE(line().find("00:04:06"), std::string::npos);
}

}  // namespace
}  // namespace nikawa::telemetry
