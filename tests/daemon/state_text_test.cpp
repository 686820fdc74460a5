#include "daemon/state_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;
using http::Origin;
using http::Scheme;
using pool::RememberedOrigin;

constexpr std::chrono::system_clock::time_point now{1700000000s};

RememberedOrigin origin(const std::string& host, Duration unused_for) {
    RememberedOrigin remembered;
    remembered.origin = {Scheme::https, host, 443};
    remembered.unused_for = unused_for;
    return remembered;
}

std::string file_with(const std::string& entries) {
    return R"({"version": 1, "origins": [)" + entries + "]}";
}

TEST(StateText, GivesBackWhatItWasGiven) {
    auto full = origin("api.example.com", 10s);
    full.origin.port = 8443;
    full.protocol = net::Protocol::http_1_1;
    full.round_trip = 26'400us;
    full.idle_limit = 75s;
    full.peak = 20;
    auto h2 = origin("b.example", 20s);
    h2.protocol = net::Protocol::http_2;
    h2.requires_http_1_1 = true;
    auto plain = origin("2001:db8::1", 30s);
    plain.origin.scheme = Scheme::http;
    plain.origin.port = 8080;
    const RememberedOrigins origins{full, h2, plain};
    const auto parsed = parse_state(format_state(origins, now), now);
    EXPECT_EQ(parsed.problem, "");
    EXPECT_EQ(parsed.origins, origins);
}

TEST(StateText, IsReadLaterAsItWasThen) {
    const auto text = format_state({origin("a.example", 10s)}, now);
    EXPECT_EQ(parse_state(text, now + 100s).origins.at(0).unused_for, 110s);
    EXPECT_EQ(parse_state(text, now - 1h).origins.at(0).unused_for, 0s);  // the clock was set back
}

TEST(StateText, LeavesOutOriginsThatWereNeverUsed) {
    auto never = origin("a.example", 0s);
    never.unused_for.reset();
    EXPECT_TRUE(parse_state(format_state({never}, now), now).origins.empty());
}

TEST(StateText, IsOfNoUseWhenItIsNotOurs) {
    struct Row {
        std::string text;
        std::string problem;
    };
    const std::vector<Row> rows = {
        {"", "is not the JSON of a state file"},
        {"{", "is not the JSON of a state file"},
        {"{}garbage", "is not the JSON of a state file"},
        {"[]", "is not the JSON of a state file"},
        {"null", "is not the JSON of a state file"},
        {std::string(1000, '\0'), "is not the JSON of a state file"},
        {"\xff\xfe", "is not the JSON of a state file"},
        {std::string(100'000, '['), "is not the JSON of a state file"},
        {"{}", "has no version"},
        {R"({"origins": []})", "has no version"},
        {R"({"version": "1", "origins": []})", "has no version"},
        {R"({"version": 2, "origins": []})", "is of another version"},
        {R"({"version": -1, "origins": []})", "is of another version"},
        {R"({"version": 1})", "has no list of origins"},
        {R"({"version": 1, "origins": {}})", "has no list of origins"},
        {R"({"version": 1, "origins": []})", ""},
        {R"({"version": 1, "origins": [], "more": 1})", ""},
        {file_with("") + std::string(longest_state_bytes, ' '), "is too long"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text.substr(0, 60));
        const auto parsed = parse_state(row.text, now);
        EXPECT_EQ(parsed.problem, row.problem);
        EXPECT_TRUE(parsed.origins.empty());
    }
}

TEST(StateText, SkipsEntriesThatCannotBeTrue) {
    const std::string good = R"("origin": "https://a.example", "last_used": 1699999990)";
    struct Row {
        std::string entry;
        bool is_taken;
    };
    const std::vector<Row> rows = {
        {"{" + good + "}", true},
        {"{" + good + R"(, "unknown": [1, {}]})", true},
        {"{" + good + R"(, "protocol": null, "round_trip_ms": null})", true},
        {"1", false},
        {"null", false},
        {"[]", false},
        {"{}", false},
        {R"({"origin": "https://a.example"})", false},
        {R"({"origin": 1, "last_used": 1})", false},
        {R"({"origin": "a.example", "last_used": 1})", false},
        {R"({"origin": "https://a.example/path", "last_used": 1})", false},
        {R"({"origin": "https://a b", "last_used": 1})", false},
        {R"({"origin": "ftp://a.example", "last_used": 1})", false},
        {R"({"origin": "https://a.example", "last_used": "now"})", false},
        {R"({"origin": "https://a.example", "last_used": -1})", false},
        {R"({"origin": "https://a.example", "last_used": 1.5})", false},
        {R"({"origin": "https://a.example", "last_used": 1700003600})", true},
        {R"({"origin": "https://a.example", "last_used": 1800000000})", false},
        {R"({"origin": "https://a.example", "last_used": 18446744073709551615})", false},
        {R"({"origin": "https://a.example", "last_used": 1e300})", false},
        {"{" + good + R"(, "protocol": "h2"})", true},
        {"{" + good + R"(, "protocol": "h9"})", false},
        {"{" + good + R"(, "protocol": 2})", false},
        {"{" + good + R"(, "http_1_1_required": false})", true},
        {"{" + good + R"(, "http_1_1_required": 1})", false},
        {"{" + good + R"(, "round_trip_ms": 0.5})", true},
        {"{" + good + R"(, "round_trip_ms": 0})", false},
        {"{" + good + R"(, "round_trip_ms": -3})", false},
        {"{" + good + R"(, "round_trip_ms": "5"})", false},
        {"{" + good + R"(, "round_trip_ms": 60001})", false},
        {"{" + good + R"(, "idle_limit_ms": 5000})", true},
        {"{" + good + R"(, "idle_limit_ms": 1e12})", false},
        {"{" + good + R"(, "peak": 1000000})", true},
        {"{" + good + R"(, "peak": 1000001})", false},
        {"{" + good + R"(, "peak": -1})", false},
        {"{" + good + R"(, "peak": 1.5})", false},
        {"{" + good + R"(, "peak": 18446744073709551615})", false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.entry);
        const auto other = R"(, {"origin": "https://other.example", "last_used": 1})";
        const auto parsed = parse_state(file_with(row.entry + other), now);
        EXPECT_EQ(parsed.problem, "");
        EXPECT_EQ(parsed.origins.size(), row.is_taken ? 2U : 1U);
    }
}

TEST(StateText, StaysWithinItsBoundsWithTheMostAndLongestOrigins) {
    RememberedOrigins many;
    for (std::size_t i = 0; i < most_remembered_origins + 10; ++i) {
        auto one = origin(std::to_string(i) + std::string(59, 'a') + '.' + std::string(63, 'b') +
                              '.' + std::string(63, 'c') + '.' + std::string(57, 'd'),
                          Duration{std::chrono::seconds{i}});
        one.protocol = net::Protocol::http_1_1;
        one.requires_http_1_1 = true;
        one.round_trip = 12'345'678us;
        one.idle_limit = 123'456'789us;
        one.peak = 999'999;
        many.push_back(one);
    }
    const auto kept = merged(many);
    EXPECT_EQ(kept.size(), most_remembered_origins);
    EXPECT_EQ(kept.front(), many.front());
    const auto text = format_state(kept, now);
    EXPECT_LE(text.size(), longest_state_bytes);
    EXPECT_EQ(parse_state(text, now).origins, kept);
}

TEST(MergedOrigins, HaveTheLatestUseTheHighestPeakAndWhatIsKnown) {
    auto early = origin("a.example", 60s);
    early.peak = 9;
    early.round_trip = 10ms;
    early.idle_limit = 60s;
    auto late = origin("a.example", 5s);
    late.peak = 2;
    late.round_trip = 12ms;
    late.protocol = net::Protocol::http_2;
    auto other = origin("a.example", 30s);
    other.origin.port = 444;
    const auto result = merged({early, other, late});
    ASSERT_EQ(result.size(), 2U);
    EXPECT_EQ(result[0].unused_for, 5s);
    EXPECT_EQ(result[0].peak, 9U);
    EXPECT_EQ(result[0].round_trip, 12ms);
    EXPECT_EQ(result[0].idle_limit, 60s);
    EXPECT_EQ(result[0].protocol, net::Protocol::http_2);
    EXPECT_EQ(result[1], other);
}

TEST(MergedOrigins, RequireHttp11IfOneOfThemSaysSo) {
    auto early = origin("a.example", 60s);
    early.protocol = net::Protocol::http_1_1;
    early.requires_http_1_1 = true;
    auto late = origin("a.example", 5s);
    late.protocol = net::Protocol::http_2;
    for (const auto& result : {merged({early, late}), merged({late, early})}) {
        ASSERT_EQ(result.size(), 1U);
        EXPECT_TRUE(result[0].requires_http_1_1);
        EXPECT_EQ(result[0].protocol, net::Protocol::http_1_1);
    }
}

}  // namespace
}  // namespace nikawa::daemon
