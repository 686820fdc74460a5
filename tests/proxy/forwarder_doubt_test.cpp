// What becomes of an exchange whose session went silent, of early data, and of GOAWAY.

#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ForwarderDoubtTest : public ForwarderFixture {
protected:
    static constexpr auto patience = 500ms;

    /// A client whose request is out on a session that has just gone silent; the request that
    /// repeats it waits for a dial.
    ScriptedPeer& connect_doubted(std::string_view method_and_target = "GET /a",
                                  std::string_view field_lines = "",
                                  std::string_view body = "") {
        old_ = &dialer.connect_h2();
        auto& client = connect();
        client.send(request(method_and_target, field_lines) + std::string{body});
        loop.run();
        dialer.near->path_report = {.is_waiting = true, .silence = 1h};
        loop.advance(patience);
        return client;
    }

    H2Origin& old() { return *old_; }

    /// By RST_STREAM(CANCEL), RFC 9113 §7, or with the session.
    static bool is_given_up(H2Origin& origin, std::int32_t stream) {
        return origin.requests().at(stream).reset_with == 8 || origin.is_ended();
    }

private:
    H2Origin* old_ = nullptr;
};

TEST_F(ForwarderDoubtTest, RepeatsAGetOnANewSession) {
    auto& client = connect_doubted();
    EXPECT_EQ(dialer.waiting(), 1U);
    auto& next = dialer.connect_h2();
    EXPECT_EQ(next.requests().at(1).value_of(":path"), "/a");
    next.reply(1, "200", "new");
    client.expect_head("HTTP/1.1 200 OK").expect("new");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(is_given_up(old(), 1));
    const auto lines = log_lines();
    EXPECT_THAT(lines,
                ElementsAre(AllOf(HasSubstr("\"status\":200,"),
                                  HasSubstr("\"attempts\":2,"),
                                  HasSubstr("\"cold\":\"path_silent\",\"hedged\":true"),
                                  Not(HasSubstr("\"error\"")))));
}

TEST_F(ForwarderDoubtTest, RepeatsAGetOverHttp11) {
    auto& silent = dialer.connect_h1();
    silent.expect_head("GET /a ").stay_silent();
    auto& client = connect();
    client.send(request("GET /a"));
    loop.run();
    dialer.near->path_report = {.is_waiting = true, .silence = 1h};
    loop.advance(patience);
    auto& next = dialer.connect_h1();
    next.expect_head("GET /a ").send(response("200 OK", "new"));
    client.expect_head("HTTP/1.1 200 OK").expect("new");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderDoubtTest, RepeatsTheBodyToo) {
    auto& client = connect_doubted("PUT /a", "Content-Length: 3\r\n", "one");
    auto& next = dialer.connect_h2();
    EXPECT_EQ(next.requests().at(1).body, "one");
    next.reply(1, "200", "new");
    client.expect_head("HTTP/1.1 200 OK").expect("new");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderDoubtTest, TheOldAnswerWinsWhileTheNewSessionIsDialled) {
    auto& client = connect_doubted();
    old().reply(1, "200", "old");
    client.expect_head("HTTP/1.1 200 OK").expect("old");
    EXPECT_TRUE(client.finished());
    auto& next = dialer.connect_h2();
    EXPECT_TRUE(next.requests().empty());
}

TEST_F(ForwarderDoubtTest, TheOldAnswerWinsWhileTheNewOneIsWaitedFor) {
    auto& client = connect_doubted();
    auto& next = dialer.connect_h2();
    EXPECT_EQ(next.requests().size(), 1U);
    old().reply(1, "200", "old");
    client.expect_head("HTTP/1.1 200 OK").expect("old");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(is_given_up(next, 1));
}

TEST_F(ForwarderDoubtTest, BothAnswersInOneTurnAreOne) {
    for (const bool old_first : {true, false}) {
        auto& client = connect_doubted();
        auto& next = dialer.connect_h2();
        const auto id = next.requests().rbegin()->first;
        H2Origin& first = old_first ? old() : next;
        H2Origin& second = old_first ? next : old();
        first.reply(old_first ? 1 : id, "200", "one");
        second.reply(old_first ? id : 1, "200", "one");
        client.expect_head("HTTP/1.1 200 OK").expect("one");
        EXPECT_TRUE(client.finished());
        // and the next exchange finds all in order
        client.send(request("GET /b"));
        loop.run();
        for (H2Origin* origin : {&old(), &next}) {
            for (auto& [stream, asked] : origin->requests()) {
                if (asked.value_of(":path") == "/b") origin->reply(stream, "200", "two");
            }
        }
        client.expect_head("HTTP/1.1 200 OK").expect("two");
        EXPECT_TRUE(client.finished());
        old().close();
        next.close();
        loop.run();
    }
}

TEST_F(ForwarderDoubtTest, AnInterimResponseOfTheOldOneWins) {
    auto& client = connect_doubted();
    auto& next = dialer.connect_h2();
    old().send_head(1, {{":status", "103"}, {"link", "</x>"}}, false);
    client.expect_head("HTTP/1.1 103 Early Hints");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(is_given_up(next, 1));
    loop.advance(2s);  // doubted again, or not: it is the one that answers
    old().reply(1, "200", "old");
    client.expect_head("HTTP/1.1 200 OK").expect("old");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderDoubtTest, ItMayBeDoubtedAndHeardOfMoreThanOnce) {
    auto& client = connect_doubted();
    for (int i = 0; i < 3; ++i) {
        old().send_settings(100);  // a sign of life, but no answer
        loop.run();
        loop.advance(3s);
    }
    old().reply(1, "200", "old");
    client.expect_head("HTTP/1.1 200 OK").expect("old");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderDoubtTest, APostIsNotRepeated) {
    auto& client = connect_doubted("POST /a", "Content-Length: 3\r\n", "one");
    EXPECT_EQ(dialer.waiting(), 0U);
    for (int i = 0; i < 3; ++i) {
        old().send_settings(100);
        loop.run();
        loop.advance(3s);
    }
    EXPECT_EQ(client.received(), "");
    old().reply(1, "200", "old");
    client.expect_head("HTTP/1.1 200 OK").expect("old");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(log_lines(), ElementsAre(HasSubstr("\"attempts\":1,")));
}

// More of it has passed by than is kept, so there is nothing to repeat it from.
TEST_F(ForwarderDoubtTest, ALargeBodyIsNotRepeated) {
    const std::string body(100'000, 'b');
    auto& client = connect_doubted("PUT /a", "Content-Length: 100000\r\n", body);
    EXPECT_EQ(old().requests().at(1).body.size(), body.size());
    EXPECT_EQ(dialer.waiting(), 0U);
    old().reply(1, "200", "old");
    client.expect_head("HTTP/1.1 200 OK").expect("old");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(log_lines(), ElementsAre(HasSubstr("\"attempts\":1,")));
}

TEST_F(ForwarderDoubtTest, AClientThatHangsUpEndsTheRace) {
    for (const bool dial_is_done : {false, true}) {
        auto& client = connect_doubted();
        H2Origin* next = dial_is_done ? &dialer.connect_h2() : nullptr;
        const auto id = next == nullptr ? 0 : next->requests().rbegin()->first;
        hang_up(client);
        EXPECT_TRUE(is_given_up(old(), 1));
        if (next == nullptr) {
            next = &dialer.connect_h2();
            EXPECT_TRUE(next->requests().empty());
        } else {
            EXPECT_TRUE(is_given_up(*next, id));
        }
        old().close();
        next->close();
        loop.run();
    }
    EXPECT_THAT(log_lines(),
                ElementsAre(HasSubstr("\"status\":499,"), HasSubstr("\"status\":499,")));
}

TEST_F(ForwarderDoubtTest, BothMayFail) {
    auto& client = connect_doubted();
    dialer.fail_waiting();
    for (int i = 0; i < 50 && client.received().empty(); ++i) {
        dialer.fail_waiting();
        loop.advance(100ms);
        if (i == 20) old().close();
    }
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
}

// Too long an address to be kept without memory of its own.
TEST_F(ForwarderDoubtTest, TheLogHasTheAddressOfTheOldOneWhenBothFailed) {
    dialer.wire.near_address = "[2001:db8:1234:5678::1]:8443";
    auto& client = connect_doubted();
    old().close();
    loop.run();
    dialer.fail({Errc::resolve_failed, Side::origin});
    for (int i = 0; i < 50 && client.received().empty(); ++i) {
        dialer.fail_waiting();
        loop.advance(100ms);
    }
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
    EXPECT_THAT(
        log_lines(),
        ElementsAre(HasSubstr(R"("origin_addr":"[2001:db8:1234:5678::1]:8443","proto":"h2")")));
}

TEST_F(ForwarderDoubtTest, TheOldOneAnswersAfterTheNewOneFailed) {
    auto& client = connect_doubted();
    dialer.connect_h2().close();
    loop.run();
    dialer.fail_waiting();
    EXPECT_EQ(client.received(), "");
    loop.advance(1s);
    old().reply(1, "200", "old");
    client.expect_head("HTTP/1.1 200 OK").expect("old");
    EXPECT_TRUE(client.finished());
}

// GOAWAY, RFC 9113 §6.8: what is above the last stream was certainly not acted on.

TEST_F(ForwarderDoubtTest, APostAboveTheLastStreamOfAGoawayIsRepeatedUnnoticed) {
    auto& first = dialer.connect_h2();
    auto& one = connect();
    auto& two = connect();
    one.send(request("POST /1", "Content-Length: 3\r\n") + "one");
    loop.run();
    two.send(request("POST /2", "Content-Length: 3\r\n") + "two");
    loop.run();
    auto& second = dialer.connect_h2();
    first.go_away(1);
    loop.run();
    EXPECT_EQ(second.requests().at(1).body, "two");
    second.reply(1, "200", "2");
    first.reply(1, "200", "1");
    one.expect_head("HTTP/1.1 200 OK").expect("1");
    two.expect_head("HTTP/1.1 200 OK").expect("2");
    EXPECT_TRUE(one.finished());
    EXPECT_TRUE(two.finished());
}

// 425 (Too Early), RFC 8470 §5.2.

class ForwarderEarlyDataTest : public ForwarderFixture {
protected:
    ForwarderEarlyDataTest() {
        pool_limits.early_data = true;
        dialer.confirmed = false;
    }
};

TEST_F(ForwarderEarlyDataTest, RepeatsOnceWhatCameTooEarly) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /a"));
    loop.run();
    EXPECT_EQ(dialer.last_mode, net::DialMode::early);
    dialer.near->confirmed = true;
    origin.reply(1, "425", "");
    loop.run();
    ASSERT_EQ(origin.requests().size(), 2U);
    EXPECT_EQ(client.received(), "");
    origin.reply(3, "425", "still");  // nothing was early this time: it is the answer
    client.expect_head("HTTP/1.1 425").expect("still");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(dialer.dialled().size(), 1U);
    EXPECT_THAT(log_lines(), ElementsAre(HasSubstr("\"attempts\":2,")));
}

TEST_F(ForwarderEarlyDataTest, SendsNoPostEarly) {
    auto& client = connect();
    client.send(request("POST /a", "Content-Length: 3\r\n") + "one");
    loop.run();
    EXPECT_EQ(dialer.last_mode, net::DialMode::plain);
    dialer.confirmed = true;
    auto& origin = dialer.connect_h2();
    origin.reply(1, "200", "ok");
    client.expect_head("HTTP/1.1 200 OK").expect("ok");
    EXPECT_TRUE(client.finished());
}

}  // namespace
}  // namespace nikawa::proxy
