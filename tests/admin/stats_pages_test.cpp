#include "nikawa/admin/stats_pages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "nikawa/client/client_connection.hpp"
#include "support/scripted_dialer.hpp"
#include "support/temporary_directory.hpp"

namespace nikawa::admin {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

/// What is behind the pages: answers 204 to all.
class NextHandler final : public client::RequestHandler {
public:
    Task<void> handle(client::ClientExchange& exchange) override {
        targets.push_back(exchange.head().target);
        http::ResponseHead head;
        head.status = 204;
        exchange.begin_response(head, http::NoBody{});
        const auto sent = co_await exchange.finish_response({}, {});
        EXPECT_TRUE(sent);
    }

    Task<void> refuse(client::ClientExchange& exchange, const Failure& failure) override {
        refused.push_back(failure.code);
        co_await handle(exchange);
    }

    std::vector<std::string> targets;
    std::vector<Errc> refused;
};

class StatsPagesTest : public testing::Test {
protected:
    ~StatsPagesTest() override {
        for (auto& client : clients_) client.connection->close();
        loop.run();
    }

    /// What a client gets that sends these bytes and waits for the end.
    std::string reply_to(const std::string& bytes) {
        auto pair = test::make_stream_pair(loop, {});
        auto& client = clients_.emplace_back();
        client.peer.emplace(loop, std::move(pair.far));
        client.connection = std::make_unique<client::ClientConnection>(
            loop.loop(), std::move(pair.near), pages, limits);
        loop.spawn(client.connection->run());
        client.peer->send(bytes);
        return std::string{client.peer->received()};
    }

    std::string reply_to(const std::string& line, const std::string& host) {
        return reply_to(line + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    }

    static std::string body_of(const std::string& reply) {
        return reply.substr(reply.find("\r\n\r\n") + 4);
    }

    static std::chrono::system_clock::time_point wall_clock() {
        return std::chrono::system_clock::time_point{1700000000s};
    }

    json logged_line(std::size_t index) {
        log.reset();
        writer.reset();
        const auto text = test::content(directory.path() / "current");
        std::size_t begin = 0;
        for (; index > 0; --index) begin = text.find('\n', begin) + 1;
        return json::parse(text.substr(begin, text.find('\n', begin) - begin));
    }

    test::TestLoop loop;
    test::ScriptedDialer dialer{loop};
    origin::SessionFactory factory{loop, dialer, {}};
    pool::PoolSet pools{loop, factory, {}};
    test::TemporaryDirectory directory;
    std::unique_ptr<telemetry::LogWriter> writer =
        *telemetry::LogWriter::open({.dir = directory.path()});
    telemetry::HttpStats http{100, 1};
    std::optional<telemetry::AccessLog> log{std::in_place, writer.get(), &http};
    MemoryBudget memory{0};
    StatsBoard board{1};
    StatsReporter reporter{board, 0, pools, http, memory};
    StatsPagesSettings settings{
        .version = "1.2.3", .started = loop.now(), .most_samples = 100, .host_rules = {}};
    NextHandler next;
    StatsPages pages{loop, settings, reporter, 1, *log, next, &wall_clock};
    client::ClientLimits limits;

private:
    struct Client {
        std::unique_ptr<client::ClientConnection> connection;
        std::optional<test::ScriptedPeer> peer;
    };
    std::list<Client> clients_;
};

TEST_F(StatsPagesTest, AnswersTheTwoPagesOfChocon) {
    loop.advance(90s);
    const auto stats = reply_to("GET /.api/stats", "127.0.0.1:3000");
    EXPECT_THAT(stats, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"));
    const auto parsed = json::parse(body_of(stats));
    EXPECT_EQ(parsed["version"], "1.2.3");
    EXPECT_EQ(parsed["uptime_seconds"], 90.0);
    EXPECT_EQ(parsed["time"], 1700000000000000000);
    EXPECT_EQ(parsed["origins"], json::array());

    const auto http_stats = json::parse(body_of(reply_to("GET /.api/http-stats", "")));
    EXPECT_EQ(http_stats["request"]["count"], 1);  // the one before, as chocon counts
    EXPECT_EQ(http_stats["request"]["status_count"]["200"], 1);
    EXPECT_TRUE(next.targets.empty());
}

TEST_F(StatsPagesTest, TellsOfTheOriginsInUse) {
    pools.pin({http::Scheme::https, "api.example.com", 443});
    const auto parsed = json::parse(body_of(reply_to("GET /.api/stats?a=b&pp=1", "localhost")));
    ASSERT_EQ(parsed["origins"].size(), 1U);
    EXPECT_EQ(parsed["origins"][0]["origin"], "https://api.example.com");
    EXPECT_EQ(parsed["origins"][0]["dials_under_way"], 1);
    EXPECT_EQ(parsed["origins"][0]["dials"], (json{{"at_start", 1}}));
    pools.cut_off();
    dialer.fail_waiting();
}

TEST_F(StatsPagesTest, FollowsTheTableOfWhatIsForUs) {
    struct Row {
        std::string target;
        std::string host;
        bool takes_every_host;
        bool is_ours;
    };
    const std::string mapped = "api.example.com.ccnproxy-https";
    const Row rows[] = {
        {"/.api/stats", "127.0.0.1:3000", false, true},
        {"/.api/stats", "", false, true},
        {"/.api/stats", "proxy.internal", false, true},
        {"/.api/stats/", "localhost", false, true},
        {"/.api/stats?pp=true", "localhost", false, true},
        {"/.api/http-stats", "localhost", false, true},
        {"/.api/stats", mapped, false, false},
        {"/.api/http-stats", mapped, false, false},
        {"/.api/stats", mapped, true, true},
        {"/.api/stats", "anything", true, true},
        {"/.api/", "localhost", false, false},
        {"/.api/stat", "localhost", false, false},
        {"/v1/.api/stats", "localhost", false, false},
        {"/?/.api/stats", "localhost", true, false},
        // A plain name that is covered is the origin's, pages and all.
        {"/.api/stats", "s3.amazonaws.com", false, false},
        {"/.api/http-stats", "s3.amazonaws.com:3000", false, false},
        {"/.api/stats", "db.example.com", false, false},
        {"/.api/stats", "amazonaws.com", false, true},
    };
    settings.host_rules.https_for = {http::HostPattern::parse("*.amazonaws.com").value()};
    settings.host_rules.map = {
        {http::HostPattern::parse("db.example.com").value(), http::Scheme::http}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.target + " " + row.host);
        settings.takes_every_host = row.takes_every_host;
        next.targets.clear();
        const auto reply = reply_to("GET " + row.target, row.host);
        EXPECT_THAT(reply, StartsWith(row.is_ours ? "HTTP/1.1 200" : "HTTP/1.1 204"));
        EXPECT_EQ(next.targets.size(), row.is_ours ? 0U : 1U);
    }
}

TEST_F(StatsPagesTest, IndentsWhenAsked) {
    EXPECT_THAT(body_of(reply_to("GET /.api/stats", "a")), StartsWith("{\"time\":"));
    EXPECT_THAT(body_of(reply_to("GET /.api/stats?pp=1", "a")), StartsWith("{\n  \"time\": "));
    EXPECT_THAT(body_of(reply_to("GET /.api/stats?x&pp=true", "a")), StartsWith("{\n  "));
    EXPECT_THAT(body_of(reply_to("GET /.api/stats?pp=0&", "a")), StartsWith("{\"time\":"));
}

TEST_F(StatsPagesTest, AnswersHeadWithoutABodyAndHasAllElseThanGetRefused) {
    const auto head = reply_to("HEAD /.api/http-stats", "localhost");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(head, HasSubstr("Content-Length: "));
    EXPECT_THAT(head, HasSubstr("\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
    EXPECT_EQ(body_of(head), "");

    const auto post = reply_to(
        "POST /.api/stats HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
        "GET /.api/stats HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(post, StartsWith("HTTP/1.1 204 "));  // of the next handler
    EXPECT_EQ(next.refused, std::vector{Errc::bad_method});
    EXPECT_THAT(post, HasSubstr("HTTP/1.1 200 OK\r\n"));  // to the request behind it
}

TEST_F(StatsPagesTest, LeavesRequestsThatCannotBeReadToTheNext) {
    reply_to("nonsense\r\n\r\n");
    EXPECT_EQ(next.refused, std::vector{Errc::bad_head});
}

TEST_F(StatsPagesTest, StandInTheAccessLog) {
    const auto reply = reply_to(
        "GET /.api/stats?pp=1 HTTP/1.1\r\nHost: me:secret@localhost\r\nUser-Agent: probe\r\n\r\n");
    const auto line = logged_line(0);
    EXPECT_EQ(line["method"], "GET");
    EXPECT_EQ(line["uri"], "/.api/stats");
    EXPECT_EQ(line["status"], 200);
    EXPECT_EQ(line["size"], body_of(reply).size());
    EXPECT_EQ(line["ua"], "probe");
    EXPECT_EQ(line["host"], "localhost");
    EXPECT_EQ(line["origin"], "");
    EXPECT_FALSE(line.contains("cold"));
}

}  // namespace
}  // namespace nikawa::admin
