#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <functional>
#include <string>
#include <vector>

#include "origin/h2_fixture.hpp"

namespace nikawa::origin {
namespace {

constexpr Failure in_doubt{Errc::path_in_doubt, Side::origin};
constexpr Failure refused{Errc::stream_refused, Side::origin};
constexpr std::int32_t shutdown_notice = 0x7fffffff;

// Signs of life

TEST_F(H2SessionTest, APingIsAnsweredAndHeard) {
    connect();
    loop.advance(15s);
    session->call_when_heard();
    session->probe();
    EXPECT_EQ(times_heard, 0);
    loop.run();
    EXPECT_EQ(origin->pings(), 1U);
    EXPECT_EQ(times_heard, 1);
    EXPECT_EQ(session->last_heard(), loop.now());
}

TEST_F(H2SessionTest, OnePingIsOutAtATime) {
    connect({.answer_pings = false});
    const auto silent_since = loop.now();
    loop.advance(15s);
    session->call_when_heard();
    session->probe();
    session->probe();
    loop.advance(1s);
    session->probe();
    loop.run();
    EXPECT_EQ(origin->pings(), 1U);
    EXPECT_EQ(times_heard, 0);
    EXPECT_EQ(session->last_heard(), silent_since);
    origin->answer_ping();
    loop.run();
    EXPECT_EQ(times_heard, 1);
    EXPECT_EQ(session->last_heard(), loop.now());
    session->probe();
    loop.run();
    EXPECT_EQ(origin->pings(), 2U);
}

TEST_F(H2SessionTest, WhateverComesIsHeardOnceForEachAsking) {
    connect();
    EXPECT_EQ(times_heard, 0);
    session->call_when_heard();
    auto lease = get("/");
    const auto before = times_heard;
    session->call_when_heard();
    loop.advance(1s);
    origin->send_head(1, {{":status", "200"}}, false);
    loop.run();
    origin->send_body(1, "x", true);
    loop.run();
    EXPECT_EQ(times_heard, before + 1);
    EXPECT_EQ(session->last_heard(), loop.now());
}

TEST_F(H2SessionTest, TheListenerMayEndTheSessionWhenItHears) {
    connect();
    auto lease = get("/");
    session->call_when_heard();
    on_heard = [this] {
        session->doubt();
        session->close({Errc::pool_closed, Side::self});
    };
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(times_heard, 1);
    EXPECT_EQ(status_of(lease), 200U);  // it had come
    lease.reset();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2SessionTest, APingIsSentWhileTheLastStreamsFinish) {
    connect();
    auto lease = get("/");
    origin->go_away(shutdown_notice);
    loop.run();
    session->call_when_heard();
    session->probe();
    loop.run();
    EXPECT_EQ(origin->pings(), 1U);
    EXPECT_EQ(times_heard, 1);
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
}

TEST_F(H2SessionTest, ASessionThatHasEndedIsNotProbed) {
    connect();
    session->close({Errc::pool_closed, Side::self});
    session->probe();
    loop.run();
    EXPECT_EQ(origin->pings(), 0U);
}

TEST_F(H2SessionTest, SaysWhatItsTransportKnows) {
    connect();
    wire->path_report = {.is_waiting = true, .silence = 3s};
    EXPECT_TRUE(session->path().is_waiting);
    EXPECT_EQ(session->path().silence, 3s);
    EXPECT_TRUE(session->is_confirmed());
    wire->confirmed = false;
    EXPECT_FALSE(session->is_confirmed());
}

// Doubt

TEST_F(H2SessionTest, WhoWaitsForAHeadIsToldOfADoubtOnceAndMayWaitOn) {
    connect();
    auto waiting = get("/waiting");
    auto other = get("/other");
    const auto first = loop.start(waiting->receive_head());
    session->doubt();
    EXPECT_FALSE(first.done());  // from the loop, never inside the call
    loop.run();
    ASSERT_TRUE(first.done());
    EXPECT_EQ(first.value().error(), in_doubt);

    const auto second = loop.start(waiting->receive_head());
    const auto late = loop.start(other->receive_head());  // did not wait then
    EXPECT_FALSE(second.done());
    EXPECT_FALSE(late.done());
    origin->reply(1, "200", "x");
    origin->reply(3, "204", "");
    loop.run();
    ASSERT_TRUE(second.done());
    EXPECT_EQ((*second.value())->status, 200U);
    EXPECT_EQ(*loop.result_of(read_body(*waiting)), "x");
    EXPECT_TRUE(late.done());
}

TEST_F(H2SessionTest, AHeadThatComesWithADoubtIsGiven) {
    connect();
    auto lease = get("/");
    const auto head = loop.start(lease->receive_head());
    session->call_when_heard();
    on_heard = [this] { session->doubt(); };
    origin->reply(1, "200", "x");
    loop.run();
    ASSERT_TRUE(head.done());
    EXPECT_EQ((*head.value())->status, 200U);
}

TEST_F(H2SessionTest, ADoubtDisturbsNoResponseThatHasBegun) {
    connect();
    auto interim = get("/interim");
    auto body = get("/body");
    origin->send_head(1, {{":status", "103"}}, false);
    origin->send_head(3, {{":status", "200"}}, false);
    loop.run();
    ASSERT_EQ(status_of(interim), 103U);
    ASSERT_EQ(status_of(body), 200U);
    const auto head = loop.start(interim->receive_head());
    const auto piece = loop.start(body->receive_body());
    session->doubt();
    loop.run();
    EXPECT_FALSE(head.done());
    EXPECT_FALSE(piece.done());
    origin->reply(1, "200", "x");
    origin->send_body(3, "y", true);
    loop.run();
    EXPECT_TRUE(head.done());
    ASSERT_TRUE(piece.done());
    EXPECT_EQ(*piece.value(), "y");
}

TEST_F(H2SessionTest, ADoubtDisturbsNoRequestThatIsBeingSent) {
    connect({.window = 0});
    auto lease = send(request("POST", "/"), http::Sized{5});
    const auto head = loop.start(lease->receive_head());
    const auto sent = loop.start(lease->send_body("hello"));
    session->doubt();
    loop.run();
    EXPECT_FALSE(head.done());
    EXPECT_FALSE(sent.done());
    lease->abandon({Errc::client_gone, Side::client});
    loop.run();
}

TEST_F(H2SessionTest, ADoubtDoesNotPutOffTheTimeout) {
    connect();
    auto lease = get("/");
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

TEST_F(H2SessionTest, AHeadThatCameInTimeIsThereForWhoAsksLate) {
    connect();
    for (const bool in_time : {true, false}) {
        SCOPED_TRACE(in_time);
        auto lease = get("/");
        const auto first = loop.start(lease->receive_head());
        session->doubt();
        loop.run();
        if (in_time) origin->reply(1, "200", "");
        loop.advance(70s);
        const auto second = loop.start(lease->receive_head());
        loop.advance(0s);
        ASSERT_TRUE(second.done());
        EXPECT_EQ(second.value().has_value(), in_time);
    }
}

TEST_F(H2SessionTest, AStreamMayBeGivenUpAfterADoubt) {
    connect();
    auto lease = get("/");
    const auto first = loop.start(lease->receive_head());
    session->doubt();
    loop.run();
    lease->abandon({Errc::abandoned, Side::self});
    EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, Errc::abandoned);
    lease.reset();
    loop.run();
    EXPECT_EQ(origin->requests().at(1).reset_with, NGHTTP2_CANCEL);
    EXPECT_EQ(session->streams(), 0U);
}

TEST_F(H2SessionTest, ADoubtOfOneExchangeIsNotThatOfTheNext) {
    connect();
    {
        auto lease = get("/");
        const auto head = loop.start(lease->receive_head());
        session->doubt();
        lease->abandon({Errc::client_gone, Side::client});
        loop.run();
        EXPECT_EQ(head.value().error().code, Errc::client_gone);
    }
    auto lease = get("/next");
    const auto head = loop.start(lease->receive_head());
    EXPECT_FALSE(head.done());
    session->doubt();
    loop.run();
    EXPECT_EQ(head.value().error(), in_doubt);
}

// Ends

TEST_F(H2SessionTest, SaysWhyItTakesNoMoreStreams) {
    const struct {
        std::string_view what;
        std::function<void()> act;
        SessionEnd idle;  // the cause, if no stream was open
        SessionEnd busy;  // and if one was
    } rows[] = {
        {"nothing", [] {}, SessionEnd::none, SessionEnd::none},
        {"GOAWAY", [this] { origin->go_away(1); }, SessionEnd::idle_closed, SessionEnd::limit},
        {"shutdown notice",
         [this] { origin->go_away(shutdown_notice); },
         SessionEnd::idle_closed,
         SessionEnd::limit},
        {"calm", [this] { origin->enhance_your_calm(); }, SessionEnd::calm, SessionEnd::calm},
        {"calm after a shutdown notice",
         [this] {
             origin->go_away(shutdown_notice);
             origin->enhance_your_calm();
         },
         SessionEnd::calm,
         SessionEnd::calm},
        {"HTTP/1.1",
         [this] { origin->go_away(1, NGHTTP2_HTTP_1_1_REQUIRED); },
         SessionEnd::http_1_1,
         SessionEnd::http_1_1},
        {"HTTP/1.1, and then a last GOAWAY",
         [this] {
             origin->go_away(1, NGHTTP2_HTTP_1_1_REQUIRED);
             origin->go_away(1);
         },
         SessionEnd::http_1_1,
         SessionEnd::http_1_1},
        {"error",
         [this] { origin->go_away(1, NGHTTP2_INTERNAL_ERROR); },
         SessionEnd::broken,
         SessionEnd::broken},
        {"end", [this] { origin->close(); }, SessionEnd::idle_closed, SessionEnd::broken},
        {"reset",
         [this] { origin->stream().abort(); },
         SessionEnd::idle_closed,
         SessionEnd::broken},
        {"garbage",
         [this] { origin->send_raw(std::string(100, 'x')); },
         SessionEnd::broken,
         SessionEnd::broken},
        {"drain", [this] { session->drain(); }, SessionEnd::ours, SessionEnd::ours},
        {"close",
         [this] {
             session->close({Errc::peer_closed, Side::origin});
         },
         SessionEnd::ours,
         SessionEnd::ours},
    };
    for (const auto& row : rows) {
        for (const bool busy : {false, true}) {
            SCOPED_TRACE(std::string{row.what} + (busy ? ", busy" : ", idle"));
            connect();
            StreamLease lease;
            if (busy) lease = get("/");
            row.act();
            loop.run();
            EXPECT_EQ(session->end_cause(), busy ? row.busy : row.idle);
            EXPECT_EQ(session->is_retired(), session->end_cause() != SessionEnd::none);
            origin->close();  // as comes after a GOAWAY: the first cause stands
            loop.run();
            if (row.idle != SessionEnd::none) {
                EXPECT_EQ(session->end_cause(), busy ? row.busy : row.idle);
            }
            lease.reset();
            loop.run();
            EXPECT_TRUE(ended);
        }
    }
}

TEST_F(H2SessionTest, AGoAwayThatComesWithTheLastResponseIsALimit) {
    connect();
    auto lease = get("/");
    const auto head = loop.start(lease->receive_head());
    origin->reply(1, "204", "");
    origin->go_away(1);
    loop.run();
    ASSERT_TRUE(head.done());
    EXPECT_EQ(session->end_cause(), SessionEnd::limit);
}

TEST_F(H2SessionTest, AnUploadThatGoAwayRefusesIsToldWhenTheSessionIsOutOfThePool) {
    connect({.window = 0});
    auto kept = get("/");
    auto upload = send(request("POST", "/"), http::Chunked{});
    const auto sent = loop.start(upload->send_body("never seen"));
    const auto head = loop.start(upload->receive_head());
    bool told_first = false;
    on_capacity = [&] {
        told_first = told_first || (session->capacity() == 0 && !sent.done() && !head.done());
    };
    origin->go_away(1);
    loop.run();
    EXPECT_TRUE(told_first);
    ASSERT_TRUE(sent.done());
    EXPECT_EQ(sent.value().error(), refused);
    ASSERT_TRUE(head.done());
    EXPECT_EQ(head.value().error(), refused);
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(status_of(kept), 200U);
    on_capacity = {};
}

TEST_F(H2SessionTest, AnUploadUnderWayIsRefusedByGoAwayToo) {
    connect();
    auto upload = send(request("POST", "/"), http::Chunked{});
    ASSERT_TRUE(loop.result_of(upload->send_body("some of it")));
    loop.run();
    ASSERT_EQ(origin->requests().at(1).body, "some of it");
    origin->go_away(0);
    loop.run();
    EXPECT_EQ(loop.result_of(upload->send_body("more")).error(), refused);
    EXPECT_EQ(loop.result_of(upload->receive_head()).error(), refused);
    EXPECT_EQ(session->capacity(), 0U);
}

}  // namespace
}  // namespace nikawa::origin
