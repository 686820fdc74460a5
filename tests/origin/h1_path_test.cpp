#include <gtest/gtest.h>

#include <string>

#include "origin/h1_fixture.hpp"

namespace nikawa::origin {
namespace {

constexpr Failure in_doubt{Errc::path_in_doubt, Side::origin};
constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

class H1PathTest : public H1SessionTest {};

// Signs of life

TEST_F(H1PathTest, WhateverComesIsHeardOnceForEachAsking) {
    const auto made = loop.now();
    loop.advance(10s);
    auto lease = get();
    session->call_when_heard();
    origin->expect_head("GET /");
    loop.advance(1s);
    EXPECT_EQ(session->last_heard(), made);
    const auto reply = loop.start(read_reply(*lease));
    EXPECT_EQ(times_heard, 0);
    origin->send(ok.substr(0, 20));
    loop.run();
    EXPECT_EQ(times_heard, 1);
    EXPECT_EQ(session->last_heard(), loop.now());
    loop.advance(1s);
    origin->send(ok.substr(20));
    loop.run();
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(times_heard, 1);
    EXPECT_EQ(session->last_heard(), loop.now());
}

TEST_F(H1PathTest, TheListenerIsNotToldFromWithinACallOfTheHolder) {
    origin->expect_head("GET /").send(ok);
    auto lease = get();
    session->call_when_heard();
    bool asking = false;
    bool told_within = false;
    on_heard = [&] { told_within = asking; };
    const auto ask = [](OriginStream& stream, bool& flag) -> Task<unsigned> {
        flag = true;
        const auto head = co_await stream.receive_head();  // reads by itself: it is there
        flag = false;
        co_return head ? (*head)->status : 0;
    };
    EXPECT_EQ(loop.result_of(ask(*lease, asking)), 200U);
    loop.run();
    EXPECT_EQ(times_heard, 1);
    EXPECT_FALSE(told_within);
}

TEST_F(H1PathTest, AnswersThatNobodyAsksForYetAreNotRead) {
    origin->expect_head("GET /").send(ok);
    auto lease = get();
    session->call_when_heard();
    loop.run();
    EXPECT_EQ(times_heard, 0);
    EXPECT_EQ(reply_of(lease), (Reply{200, "hello", {}}));
    loop.run();
    EXPECT_EQ(times_heard, 1);
}

TEST_F(H1PathTest, TheListenerMayEndTheSessionWhenItHears) {
    origin->expect_head("GET /");
    auto lease = get();
    session->call_when_heard();
    on_heard = [this] { session->close({Errc::pool_closed, Side::self}); };
    const auto reply = loop.start(read_reply(*lease));
    origin->send(ok);
    loop.run();
    ASSERT_TRUE(reply.done());
    lease.reset();
    expect_ended();
}

TEST_F(H1PathTest, TheTransportProbesUntilSomethingIsHeard) {
    origin->expect_head("GET /");
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    session->probe();
    session->probe();
    EXPECT_EQ(wire->probes(), 1U);
    EXPECT_TRUE(wire->is_probing());
    origin->send(ok);
    loop.run();
    EXPECT_TRUE(reply.done());
    EXPECT_FALSE(wire->is_probing());
    session->probe();
    EXPECT_EQ(wire->probes(), 2U);
}

TEST_F(H1PathTest, AnIdleSessionIsProbedUntilItsNextResponse) {
    session->probe();
    EXPECT_TRUE(wire->is_probing());
    EXPECT_TRUE(is_reusable());
    EXPECT_FALSE(wire->is_probing());
}

TEST_F(H1PathTest, ASessionThatHasEndedIsNotProbed) {
    session->close({Errc::pool_closed, Side::self});
    session->probe();
    EXPECT_EQ(wire->probes(), 0U);
}

TEST_F(H1PathTest, SaysWhatItsTransportKnows) {
    wire->path_report = {.is_waiting = true, .silence = 3s};
    EXPECT_TRUE(session->path().is_waiting);
    EXPECT_EQ(session->path().silence, 3s);
    EXPECT_TRUE(session->is_confirmed());
    wire->confirmed = false;
    EXPECT_FALSE(session->is_confirmed());
}

// Doubt

TEST_F(H1PathTest, WhoWaitsForAHeadIsToldOfADoubtOnceAndMayWaitOn) {
    for (const bool waits_when_it_comes : {true, false}) {
        SCOPED_TRACE(waits_when_it_comes);
        connect().expect_head("GET /");
        auto lease = get();
        const auto first = loop.start(lease->receive_head());
        session->doubt();
        EXPECT_FALSE(first.done());  // from the loop, never inside the call
        loop.run();
        ASSERT_TRUE(first.done());
        EXPECT_EQ(first.value().error(), in_doubt);
        if (!waits_when_it_comes) {
            origin->send(ok);
            loop.run();
            EXPECT_TRUE(lease->has_response_begun());
        }
        const auto second = loop.start(read_reply(*lease));
        EXPECT_NE(second.done(), waits_when_it_comes);
        if (waits_when_it_comes) {
            origin->send(ok);
            loop.run();
        }
        ASSERT_TRUE(second.done());
        EXPECT_EQ(second.value(), (Reply{200, "hello", {}}));
        lease.reset();
        EXPECT_TRUE(is_reusable());
    }
}

TEST_F(H1PathTest, AHeadThatComesWithADoubtIsGiven) {
    origin->expect_head("GET /");
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    session->doubt();
    origin->send(ok);
    loop.run();
    ASSERT_TRUE(reply.done());
    // Which of them the loop brings first is not ours to say; nothing is lost in either case.
    EXPECT_TRUE(reply.value() == (Reply{200, "hello", {}}) ||
                (reply.value().failure == Errc::path_in_doubt &&
                 reply_of(lease) == (Reply{200, "hello", {}})));
}

TEST_F(H1PathTest, ADoubtIsNotRememberedForWhoWaitsLater) {
    origin->expect_head("GET /");
    session->doubt();
    auto lease = get();
    session->doubt();
    loop.run();
    const auto reply = loop.start(read_reply(*lease));
    EXPECT_FALSE(reply.done());
    origin->send(ok);
    loop.run();
    EXPECT_TRUE(reply.done());
}

TEST_F(H1PathTest, ADoubtDisturbsNoResponseThatHasBegun) {
    origin->expect_head("GET /");
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    for (std::size_t at = 0; at < ok.size(); at += 10) {
        origin->send(ok.substr(at, 10));
        loop.run();
        session->doubt();
        loop.run();
    }
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value(), (Reply{200, "hello", {}}));
}

TEST_F(H1PathTest, ADoubtDisturbsNoRequestThatIsBeingSent) {
    connect({}, 1000).expect_head("POST /");
    auto lease = post(http::Sized{100'000});
    const std::string body(100'000, 'b');
    const auto head = loop.start(lease->receive_head());
    const auto sent = loop.start(lease->send_body(body));
    ASSERT_FALSE(sent.done());
    session->doubt();
    loop.run();
    EXPECT_FALSE(head.done());
    EXPECT_FALSE(sent.done());
    origin->expect(body).send(ok);
    loop.run();
    EXPECT_TRUE(head.done());
    EXPECT_TRUE(sent.done());
}

TEST_F(H1PathTest, ADoubtDoesNotPutOffTheTimeout) {
    origin->expect_head("GET /");
    auto lease = get();
    const auto first = loop.start(lease->receive_head());
    loop.advance(30s);
    session->doubt();
    loop.advance(10s);
    ASSERT_TRUE(first.done());
    const auto second = loop.start(lease->receive_head());
    loop.advance(20s - 1ms);
    EXPECT_FALSE(second.done());
    loop.advance(1ms);
    ASSERT_TRUE(second.done());
    EXPECT_EQ(second.value().error().code, Errc::response_head_timed_out);
}

TEST_F(H1PathTest, AHeadThatCameInTimeIsThereForWhoAsksLate) {
    origin->expect_head("GET /");
    auto lease = get();
    const auto first = loop.start(lease->receive_head());
    session->doubt();
    loop.run();
    origin->send(ok);
    loop.advance(70s);
    EXPECT_EQ(reply_of(lease), (Reply{200, "hello", {}}));
}

TEST_F(H1PathTest, AStreamMayBeGivenUpAfterADoubt) {
    origin->expect_head("GET /");
    auto lease = get();
    const auto first = loop.start(lease->receive_head());
    session->doubt();
    loop.run();
    lease->abandon(given_up);
    EXPECT_EQ(loop.result_of(lease->receive_head()).error(), given_up);
    lease.reset();
    expect_ended();
    EXPECT_EQ(session->end_cause(), SessionEnd::ours);
}

// Ends

TEST_F(H1PathTest, SaysWhyItTakesNoMoreStreams) {
    const struct {
        std::string_view response;  // then the origin waits, ...
        bool closes;                // ... or closes
        SessionEnd cause;
    } rows[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", false, SessionEnd::none},
        {"HTTP/1.1 204 No Content\r\n\r\n", true, SessionEnd::idle_closed},
        {"HTTP/1.1 204 No Content\r\n\r\nunasked", false, SessionEnd::idle_closed},
        {"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", false, SessionEnd::limit},
        {"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", true, SessionEnd::limit},
        {"HTTP/1.0 204 No Content\r\n\r\n", true, SessionEnd::limit},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, SessionEnd::limit},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true, SessionEnd::broken},
        {"", true, SessionEnd::broken},
        {"not HTTP\r\n\r\n", false, SessionEnd::broken},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.response);
        connect().expect_head("GET /");
        {
            auto lease = get();
            const auto reply = loop.start(read_reply(*lease));
            if (!row.response.empty()) origin->send(row.response);
            if (row.closes) origin->close();
            loop.run();
            EXPECT_TRUE(reply.done());
        }
        loop.run();
        EXPECT_EQ(session->end_cause(), row.cause);
        EXPECT_EQ(session->is_retired(), row.cause != SessionEnd::none);
    }
}

TEST_F(H1PathTest, SaysWhoEndedItWhenItWasIdle) {
    const auto cause_of = [this](auto act) {
        connect();
        act();
        loop.run();
        EXPECT_TRUE(session->is_retired());
        return session->end_cause();
    };
    EXPECT_EQ(cause_of([this] { origin->close(); }), SessionEnd::idle_closed);
    EXPECT_EQ(cause_of([this] { origin->reset(); }), SessionEnd::idle_closed);
    EXPECT_EQ(cause_of([this] { origin->send("HTTP/1.1 408 Request Timeout\r\n\r\n"); }),
              SessionEnd::idle_closed);
    EXPECT_EQ(cause_of([this] { session->drain(); }), SessionEnd::ours);
    EXPECT_EQ(cause_of([this] {
                  session->close({Errc::peer_closed, Side::origin});
              }),
              SessionEnd::ours);
}

TEST_F(H1PathTest, AStreamThatWasGivenUpEndsItByUsAndATimeoutByTheOrigin) {
    for (const Failure why : {given_up, Failure{Errc::response_head_timed_out, Side::origin}}) {
        connect().expect_head("GET /");
        auto lease = get();
        lease->abandon(why);
        lease.reset();
        expect_ended();
        EXPECT_EQ(session->end_cause(),
                  why.side == Side::origin ? SessionEnd::broken : SessionEnd::ours);
    }
}

TEST_F(H1PathTest, KnowsHowLongTheOriginKeepsAnIdleConnection) {
    EXPECT_EQ(session->advertised_idle_limit(), std::nullopt);
    exchange("HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=5, max=100\r\n\r\n");
    EXPECT_EQ(session->advertised_idle_limit(), 5s);
    exchange("HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(session->advertised_idle_limit(), 5s);
    exchange("HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=75\r\n\r\n");
    EXPECT_EQ(session->advertised_idle_limit(), 75s);
}

}  // namespace
}  // namespace nikawa::origin
