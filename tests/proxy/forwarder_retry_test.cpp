#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint32_t refused_stream = 7;  // RFC 9113 §7
constexpr std::uint32_t http_1_1_required = 13;
constexpr std::string_view chunked = "Transfer-Encoding: chunked\r\n";

// What is sent again, unseen by the client, and what is not.
class ForwarderRetryTest : public ForwarderFixture {
protected:
    /// A client whose exchange made the next one's session a reused one.
    ScriptedPeer& connect_used(ScriptedPeer& origin) {
        origin.expect_head("GET /first").send(response("200 OK", "first"));
        auto& client = connect();
        client.send(request("GET /first")).expect_head("HTTP/1.1 200 OK").expect("first");
        EXPECT_TRUE(client.finished());
        return client;
    }
};

TEST_F(ForwarderRetryTest, RepeatsAnIdempotentRequestWhenAReusedConnectionHasClosed) {
    auto& stale = dialer.connect_h1();
    auto& client = connect_used(stale);
    stale.expect_head("GET /second").close();  // the keep-alive race, RFC 9112 §9.3.1
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /second").send(response("200 OK", "second"));
    client.send(request("GET /second")).expect_head("HTTP/1.1 200 OK").expect("second");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(stale.finished());

    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_THAT(lines[1],
                AllOf(HasSubstr("\"status\":200,"),
                      HasSubstr("\"reused\":false,\"attempts\":2,"),
                      testing::Not(HasSubstr("\"error\""))));
}

TEST_F(ForwarderRetryTest, RepeatsItWhileSessionsAreStaleButNotOnAFreshOne) {
    auto& first = dialer.connect_h1();
    auto& second = dialer.connect_h1();
    pool_limits.upkeep.max_idle = 10;
    first.expect_head("GET /1").send(response("200 OK", "1"));
    second.expect_head("GET /2").send(response("200 OK", "2"));
    auto& client = connect();
    auto& other = connect();
    client.send(request("GET /1")).expect_head("HTTP/1.1 200 OK").expect("1");
    other.send(request("GET /2")).expect_head("HTTP/1.1 200 OK").expect("2");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(other.finished());

    first.expect_head("GET /3").close();
    second.expect_head("GET /3").close();
    dialer.connect_h1().expect_head("GET /3").close();
    client.send(request("GET /3"));
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 502 Bad Gateway\r\n"),
                      HasSubstr("error=connection_terminated;")));
}

TEST_F(ForwarderRetryTest, DoesNotRepeatWhatMayHaveBeenActedOn) {
    auto& origin = dialer.connect_h1();
    auto& client = connect_used(origin);
    origin.expect_head("POST /").expect("one").close();
    client.send(request("POST /", "Content-Length: 3\r\n") + "one");
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(ForwarderRetryTest, DoesNotRepeatOnAFreshConnection) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /").close();
    auto& client = connect();
    client.send(request("GET /"));
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(ForwarderRetryTest, DoesNotRepeatOnceTheClientHasSeenSomething) {
    auto& origin = dialer.connect_h1();
    auto& client = connect_used(origin);
    origin.expect_head("GET /").send("HTTP/1.1 103 Early Hints\r\n\r\n").close();
    client.send(request("GET /")).expect_head("HTTP/1.1 103 Early Hints");
    client.expect("HTTP/1.1 502 Bad Gateway\r\n");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(ForwarderRetryTest, SendsAnythingThatWasNeverSentOnAnotherConnection) {
    auto& stale = dialer.connect_h1();
    auto& client = connect_used(stale);
    stale.close();
    auto& origin = dialer.connect_h1();
    origin.expect_head("POST /").expect("one").send(response("200 OK", "second"));
    client.send(request("POST /", "Content-Length: 3\r\n") + "one")
        .expect_head("HTTP/1.1 200 OK")
        .expect("second");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderRetryTest, RepeatsAnyRequestThatAStreamRefused) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("POST /", "Content-Length: 3\r\n") + "one");
    loop.run();
    origin.reset(1, refused_stream);
    loop.run();
    EXPECT_EQ(origin.requests().at(3).body, "one");
    origin.reply(3, "200", "two");
    client.expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(log_lines(), testing::ElementsAre(HasSubstr("\"attempts\":2,")));
}

TEST_F(ForwarderRetryTest, RepeatsOnAnotherSessionWhatCameAfterGoaway) {  // RFC 9113 §6.8
    auto& first = dialer.connect_h2();
    auto& second = dialer.connect_h2();
    auto& client = connect();
    client.send(request("POST /", "Content-Length: 3\r\n") + "one");
    loop.run();
    first.go_away(0);
    loop.run();
    EXPECT_EQ(second.requests().at(1).body, "one");
    second.reply(1, "200", "two");
    client.expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderRetryTest, RepeatsAStreamedBodyThatIsStillWhole) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("POST /", chunked) + "3\r\none\r\n");
    loop.run();
    origin.reset(1, refused_stream);
    loop.run();
    EXPECT_EQ(origin.requests().at(3).body, "one");
    client.send("3\r\ntwo\r\n0\r\n\r\n");
    loop.run();
    EXPECT_EQ(origin.requests().at(3).body, "onetwo");
    EXPECT_TRUE(origin.requests().at(3).ended);
    origin.reply(3, "200", "three");
    client.expect_head("HTTP/1.1 200 OK").expect("three");
    EXPECT_TRUE(client.finished());
}

// The sender waits for the origin, and must not turn to the client once its stream has failed.
TEST_F(ForwarderRetryTest, RepeatsAStreamedBodyThatTheOriginDidNotTake) {
    auto& origin = dialer.connect_h2({.window = 0});
    auto& next = dialer.connect_h2();
    auto& client = connect();
    client.send(request("POST /", chunked) + "3\r\none\r\n");
    loop.run();
    origin.go_away(0);
    loop.run();
    EXPECT_EQ(next.requests().at(1).body, "one");
    client.send("0\r\n\r\n");
    loop.run();
    EXPECT_TRUE(next.requests().at(1).ended);
    next.reply(1, "200", "two");
    client.expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderRetryTest, RepeatsOverHttp11WhatTheOriginWantsThatWay) {  // RFC 9113 §7
    for (const bool by_go_away : {false, true}) {
        SCOPED_TRACE(by_go_away ? "GOAWAY" : "RST_STREAM");
        const std::string host = by_go_away ? "b.example" : "a.example";
        const auto post = [&](std::string_view path) {
            return "POST " + std::string{path} + " HTTP/1.1\r\nHost: " + host +
                   ".ccnproxy-https\r\nContent-Length: 3\r\n\r\none";
        };
        auto& origin = dialer.connect_h2();
        auto& next = dialer.connect_h1();
        auto& client = connect();
        client.send(post("/a"));
        loop.run();
        by_go_away ? origin.go_away(0, http_1_1_required) : origin.reset(1, http_1_1_required);
        next.expect_head("POST /a HTTP/1.1\r\n").expect("one").send(response("200 OK", "two"));
        client.expect_head("HTTP/1.1 200 OK").expect("two");
        EXPECT_TRUE(client.finished());
        EXPECT_EQ(dialer.last_mode, net::DialMode::http_1_1);

        next.expect_head("POST /b HTTP/1.1\r\n").expect("one").send(response("200 OK", "two"));
        client.send(post("/b")).expect_head("HTTP/1.1 200 OK").expect("two");
        EXPECT_TRUE(client.finished());
        EXPECT_EQ(origin.requests().size(), 1U) << "it is not asked twice";
    }
}

// The request may have been acted on; those that follow are spared it.
TEST_F(ForwarderRetryTest, LearnsOfHttp11FromAGoAwayThatKeepsTheRequest) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("POST /a", "Content-Length: 3\r\n") + "one");
    loop.run();
    origin.go_away(1, http_1_1_required);
    loop.run();
    origin.close();
    client.expect_head("HTTP/1.1 502 Bad Gateway");
    EXPECT_FALSE(client.received().empty());
    auto& next = dialer.connect_h1();
    auto& another = connect();
    next.expect_head("GET /b HTTP/1.1\r\n").send(response("200 OK", "two"));
    another.send(request("GET /b")).expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(another.finished());
    EXPECT_EQ(dialer.last_mode, net::DialMode::http_1_1);
}

TEST_F(ForwarderRetryTest, DoesNotRepeatABodyThatWasTooLongToKeep) {
    settings.replay_bytes = 5;
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("POST /", chunked) + "3\r\none\r\n3\r\ntwo\r\n");
    loop.run();
    origin.reset(1, refused_stream);
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
    EXPECT_EQ(origin.requests().size(), 1U);
}

TEST_F(ForwarderRetryTest, GivesUpAfterThreeAttempts) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    for (const int stream : {1, 3, 5}) {
        EXPECT_EQ(client.received(), "");
        origin.reset(stream, refused_stream);
        loop.run();
    }
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
    EXPECT_EQ(origin.requests().size(), 3U);
    EXPECT_THAT(log_lines(),
                testing::ElementsAre(AllOf(HasSubstr("\"attempts\":3,"),
                                           HasSubstr("\"error\":\"stream_declined\""))));
}

TEST_F(ForwarderRetryTest, AnswersWithTheFailureOfTheDialThatASecondAttemptNeeded) {
    auto& stale = dialer.connect_h1();
    auto& client = connect_used(stale);
    stale.expect_head("GET /second").close();
    client.send(request("GET /second"));
    for (int i = 0; i < 40 && client.received().empty(); ++i) {
        dialer.fail_waiting();
        loop.advance(100ms);  // the origin may just be restarting
    }
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 502 Bad Gateway\r\n"),
                      HasSubstr("error=destination_unavailable;")));
    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_THAT(lines[1],
                AllOf(HasSubstr("\"origin_addr\":\"192.0.2.1:443\",\"proto\":\"http/1.1\","),
                      HasSubstr("\"reused\":true,\"attempts\":1,"),
                      HasSubstr("\"error\":\"connect_failed\"")));
}

// The budget

class ForwarderBudgetTest : public ForwarderRetryTest {
protected:
    ForwarderBudgetTest() { pool_limits.retry_percent = 0; }  // ten in ten seconds

    /// The origin's SETTINGS have come, so that it has no excuse for declining.
    H2Origin& connect_settled() {
        auto& origin = dialer.connect_h2();
        auto& client = connect();
        client.send(request("GET /"));
        loop.run();
        origin.reply(1, "200", "ok");
        client.expect_head("HTTP/1.1 200 OK").expect("ok");
        EXPECT_TRUE(client.finished());
        return origin;
    }

    /// An exchange that the origin declines, and is asked again for if the budget allows.
    static void decline(ScriptedPeer& client, test::TestLoop& loop, H2Origin& origin) {
        client.send(request("GET /"));
        loop.run();
        origin.reset(origin.requests().rbegin()->first, refused_stream);
        loop.run();
    }
};

TEST_F(ForwarderBudgetTest, AStormOfResetsIsNotRepeatedForLong) {
    auto* origin = &dialer.connect_h1();
    auto& client = connect_used(*origin);
    for (int i = 0; i < 10; ++i) {
        origin->expect_head("GET /").close();
        origin = &dialer.connect_h1();
        origin->expect_head("GET /").send(response("200 OK", "ok"));
        client.send(request("GET /")).expect_head("HTTP/1.1 200 OK").expect("ok");
        EXPECT_TRUE(client.finished());
    }
    origin->expect_head("GET /").close();
    client.send(request("GET /"));
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 502 Bad Gateway\r\n"),
                      HasSubstr("error=connection_terminated;")));
    EXPECT_EQ(dialer.dialled().size(), 11U);
    EXPECT_THAT(log_lines().back(),
                AllOf(HasSubstr("\"attempts\":1,"), HasSubstr("\"error\":\"peer_closed\"")));
}

// An origin that restarts sends back all that it has not looked at.
TEST_F(ForwarderBudgetTest, ManyThatAnOriginSendsBackAtOnceAreAllMoved) {
    auto& first = dialer.connect_h2();
    auto& second = dialer.connect_h2();
    std::vector<ScriptedPeer*> clients;
    for (int i = 0; i < 50; ++i) {
        clients.push_back(&connect());
        clients.back()->send(request("POST /", "Content-Length: 3\r\n") + "one");
    }
    loop.run();
    EXPECT_EQ(first.requests().size(), 50U);
    first.go_away(0);
    loop.run();
    EXPECT_EQ(second.requests().size(), 50U);
    for (const auto& [id, asked] : second.requests()) second.reply(id, "200", "two");
    for (ScriptedPeer* client : clients) {
        client->expect_head("HTTP/1.1 200 OK").expect("two");
        EXPECT_TRUE(client->finished());
    }
}

TEST_F(ForwarderBudgetTest, WhatALivingSessionDeclinesIsOnTheBudget) {
    auto& origin = connect_settled();
    for (int i = 0; i < 12; ++i) {
        auto& client = connect();
        decline(client, loop, origin);
        if (i < 10) {
            origin.reply(origin.requests().rbegin()->first, "200", "ok");
            client.expect_head("HTTP/1.1 200 OK").expect("ok");
            EXPECT_TRUE(client.finished());
        } else {
            EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
        }
    }
    EXPECT_EQ(origin.requests().size(), 1U + 10 * 2 + 2);
}

TEST_F(ForwarderBudgetTest, WithoutBudgetADoubtedExchangeGoesOnWaiting) {
    auto& origin = connect_settled();
    for (int i = 0; i < 10; ++i) {
        auto& client = connect();
        decline(client, loop, origin);
        origin.reply(origin.requests().rbegin()->first, "200", "ok");
        client.expect_head("HTTP/1.1 200 OK").expect("ok");
        EXPECT_TRUE(client.finished());
    }
    auto& client = connect();
    dialer.near->path_report = {.is_waiting = true, .silence = 1h};
    client.send(request("GET /"));
    loop.advance(3s);
    EXPECT_EQ(dialer.dialled().size(), 1U);  // not repeated on another session
    origin.reply(origin.requests().rbegin()->first, "200", "late");
    client.expect_head("HTTP/1.1 200 OK").expect("late");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(log_lines().back(), testing::Not(HasSubstr("hedged")));
}

}  // namespace
}  // namespace nikawa::proxy
