#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string>
#include <vector>

#include "origin/h2_fixture.hpp"

namespace nikawa::origin {
namespace {

// Ends, failures and time

TEST_F(H2SessionTest, GoAwayRefusesWhatIsAboveItsLastStreamAndKeepsTheRest) {
    connect();
    auto first = get("/1");
    auto second = get("/2");
    origin->go_away(1);
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(loop.result_of(second->receive_head()).error(),
              (Failure{Errc::stream_refused, Side::origin}));
    EXPECT_EQ(status_of(first), 200U);
    EXPECT_EQ(*loop.result_of(read_body(*first)), "x");
    EXPECT_TRUE(session->is_retired());
    first.reset();
    second.reset();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2SessionTest, AShutdownNoticeRetiresTheSessionAndRefusesNothing) {
    connect();
    auto lease = get("/");
    origin->go_away(0x7fffffff);
    loop.run();
    EXPECT_EQ(session->capacity(), 0U);
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
}

TEST_F(H2SessionTest, GoAwayOnAnIdleSessionEndsIt) {
    connect();
    origin->go_away(0);
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2SessionTest, ResetsByThePeerAreToldApart) {
    const struct {
        std::uint32_t code;
        Errc expected;
    } rows[] = {{NGHTTP2_REFUSED_STREAM, Errc::stream_declined},
                {NGHTTP2_INTERNAL_ERROR, Errc::stream_reset},
                {NGHTTP2_CANCEL, Errc::stream_reset},
                {NGHTTP2_NO_ERROR, Errc::stream_reset}};
    connect();
    std::int32_t id = 1;
    for (const auto& row : rows) {
        SCOPED_TRACE(row.code);
        auto lease = get("/");
        origin->reset(id, row.code);
        loop.run();
        EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, row.expected);
        id += 2;
    }
    EXPECT_FALSE(session->is_retired());
}

TEST_F(H2SessionTest, AnOriginMayAnswerAndStopReading) {  // RFC 9113 §8.1
    connect({.window = 100});
    auto lease = send(request("POST", "/"), http::Chunked{});
    origin->reply(1, "413", "no");
    loop.run();
    origin->reset(1, NGHTTP2_NO_ERROR);
    loop.run();
    EXPECT_EQ(status_of(lease), 413U);
    EXPECT_EQ(*loop.result_of(read_body(*lease)), "no");
    EXPECT_TRUE(loop.result_of(lease->send_body(std::string(500, 'x'))));
}

TEST_F(H2SessionTest, AResponseThatBreaksOffIsNotWhole) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}}, false);
    origin->send_body(1, "half", false);
    loop.run();
    origin->close();
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
    EXPECT_EQ(*loop.result_of(lease->receive_body()), "half");
    EXPECT_EQ(loop.result_of(lease->receive_body()).error().code, Errc::peer_closed);
}

TEST_F(H2SessionTest, MalformedResponsesResetTheirStreamAlone) {
    const Fields bad_heads[] = {
        // What would split a response of HTTP/1.1 (RFC 9113 §8.2.1, §10.3)
        {{":status", "200"}, {"x-bad", "a\nb"}},
        {{":status", "200"}, {"x-bad", "a\r\nset-cookie: b"}},
        {{":status", "200"}, {"x-bad", std::string("a\0b", 3)}},
        {{":status", "200"}, {"x\r\nset-cookie", "b"}},
        {{":status", "200"}, {"bad name", "x"}},
        {{":status", "200"}, {"connection", "close"}},
        {{":status", "200"}, {"transfer-encoding", "chunked"}},
        {{":status", "200"}, {":status", "200"}},
        {{":status", "2000"}},
        {{"x-no", "status"}},
        {{":status", "101"}},
        {{":status", "099"}},
        {{":status", "000"}},
        {{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}},
    };
    connect();
    std::int32_t id = 1;
    for (const auto& fields : bad_heads) {
        SCOPED_TRACE(fields.back().first + ": " + fields.back().second);
        auto lease = get("/");
        origin->send_head(id, fields, false);
        loop.run();
        EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, Errc::malformed);
        id += 2;
    }
    EXPECT_FALSE(session->is_retired());
}

TEST_F(H2SessionTest, ABodyShorterThanAnnouncedIsBroken) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}, {"content-length", "10"}}, false);
    origin->send_body(1, "short", true);
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
    EXPECT_EQ(loop.result_of(read_body(*lease)).error().code, Errc::malformed);
}

TEST_F(H2SessionTest, AHeadBeyondTheLimitIsRefused) {
    H2Limits small_heads;
    small_heads.head_bytes = 1000;
    connect({}, small_heads);
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}, {"x-large", std::string(1000, 'x')}}, true);
    loop.run();
    EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, Errc::response_head_too_large);
}

TEST_F(H2SessionTest, GarbageEndsTheSession) {
    connect({.send_settings_first = false});
    auto lease = get("/");
    origin->send_raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    loop.run();
    EXPECT_FALSE(loop.result_of(lease->receive_head()).has_value());
    EXPECT_TRUE(session->is_retired());
    lease.reset();
    loop.run();
    EXPECT_TRUE(ended);
}

// A frame of its own may end a message whose length is known, RFC 9113 §8.1.
TEST_F(H2SessionTest, AWholeResponseThatIsReleasedWaitsForItsEndByItself) {
    connect();
    for (const bool the_end_comes : {true, false}) {
        const auto id = static_cast<std::int32_t>(2 * origin->requests().size() + 1);
        auto lease = get("/");
        origin->send_head(id, {{":status", "200"}, {"content-length", "5"}}, false);
        origin->send_body(id, "whole", false);
        loop.run();
        ASSERT_EQ(status_of(lease), 200U);
        ASSERT_EQ(*loop.result_of(lease->receive_body()), "whole");
        lease.reset();
        loop.run();
        EXPECT_EQ(origin->requests().at(id).reset_with, -1);
        EXPECT_EQ(session->streams(), 1U);
        if (the_end_comes) origin->send_body(id, "", true);
        loop.advance(5s);
        EXPECT_EQ(origin->requests().at(id).reset_with, the_end_comes ? -1 : NGHTTP2_CANCEL);
        EXPECT_EQ(session->streams(), 0U);
    }
}

TEST_F(H2SessionTest, AStreamThatWaitsForItsEndGoesWithTheSession) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}, {"content-length", "0"}}, false);
    loop.run();
    ASSERT_EQ(status_of(lease), 200U);
    lease.reset();
    origin->close();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2SessionTest, ASilentOriginTimesOut) {
    connect();
    auto lease = get("/");
    const auto head = loop.start(lease->receive_head());
    loop.advance(60s - 1ms);
    EXPECT_FALSE(head.done());
    loop.advance(1ms);
    ASSERT_TRUE(head.done());
    EXPECT_EQ(head.value().error(), (Failure{Errc::response_head_timed_out, Side::origin}));
    loop.run();
    EXPECT_EQ(origin->requests().at(1).reset_with, NGHTTP2_CANCEL);
}

TEST_F(H2SessionTest, TheResponseIsDueFromTheEndOfTheRequest) {
    connect();
    auto lease = send(request("POST", "/"), http::Chunked{});
    const auto head = loop.start(lease->receive_head());
    for (int i = 0; i < 10; ++i) {  // an upload that moves may take as long as it likes
        loop.advance(50s);
        ASSERT_TRUE(loop.result_of(lease->send_body("piece")));
    }
    ASSERT_TRUE(loop.result_of(lease->finish_body({}, {})));
    loop.advance(60s - 1ms);
    EXPECT_FALSE(head.done());
    loop.advance(1ms);
    EXPECT_TRUE(head.done());
}

TEST_F(H2SessionTest, ABodyThatStallsTimesOut) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}}, false);
    loop.run();
    ASSERT_EQ(status_of(lease), 200U);
    const auto piece = loop.start(lease->receive_body());
    loop.advance(30s);
    ASSERT_TRUE(piece.done());
    EXPECT_EQ(piece.value().error().code, Errc::response_body_timed_out);
}

TEST_F(H2SessionTest, ABodyMayWaitWhileTheRequestMoves) {
    connect();
    auto lease = send(request("POST", "/"), http::Chunked{});
    origin->send_head(1, {{":status", "200"}}, false);
    loop.run();
    ASSERT_EQ(status_of(lease), 200U);
    const auto piece = loop.start(lease->receive_body());
    for (int i = 0; i < 10; ++i) {
        loop.advance(29s);
        ASSERT_TRUE(loop.result_of(lease->send_body("piece")));
    }
    loop.advance(30s - 1ms);
    EXPECT_FALSE(piece.done());
    loop.advance(1ms);
    ASSERT_TRUE(piece.done());
    EXPECT_EQ(piece.value().error().code, Errc::response_body_timed_out);
}

TEST_F(H2SessionTest, AWindowIsShutWithImpunityWhileTheHolderIsBusyWithTheResponse) {
    connect({.window = 0});
    auto lease = send(request("POST", "/"), http::Sized{10});
    const auto sent = loop.start(lease->send_body("0123456789"));
    origin->send_head(1, {{":status", "200"}}, false);
    loop.run();
    ASSERT_EQ(status_of(lease), 200U);
    loop.advance(24h);
    EXPECT_FALSE(sent.done());
    const auto piece = loop.start(lease->receive_body());
    loop.advance(30s);
    ASSERT_TRUE(piece.done());
    EXPECT_EQ(piece.value().error().code, Errc::response_body_timed_out);
    EXPECT_TRUE(sent.done());
}

TEST_F(H2SessionTest, AWindowThatStaysShutTimesOut) {
    connect({.window = 0});
    auto lease = send(request("POST", "/"), http::Sized{10});
    const auto head = loop.start(lease->receive_head());
    const auto sent = loop.start(lease->send_body("0123456789"));
    loop.advance(20s);
    ASSERT_TRUE(sent.done());
    EXPECT_EQ(sent.value().error().code, Errc::write_timed_out);
    EXPECT_TRUE(head.done());
}

TEST_F(H2SessionTest, AbandoningWakesWhoWaits) {
    connect();
    auto lease = get("/");
    const auto head = loop.start(lease->receive_head());
    lease->abandon({Errc::client_gone, Side::client});
    loop.run();
    ASSERT_TRUE(head.done());
    EXPECT_EQ(head.value().error().code, Errc::client_gone);
    EXPECT_EQ(origin->requests().at(1).reset_with, NGHTTP2_CANCEL);
}

TEST_F(H2SessionTest, DrainingEndsWithTheLastStream) {
    connect();
    auto lease = get("/");
    session->drain();
    EXPECT_EQ(session->capacity(), 0U);
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
    EXPECT_FALSE(ended);
    lease.reset();
    loop.run();
    EXPECT_TRUE(ended);
    EXPECT_TRUE(origin->was_told_goaway());
}

TEST_F(H2SessionTest, OutlivesItsTransportUntilTheLastLeaseIsGone) {
    connect();
    auto lease = get("/");
    origin->close();
    loop.run();
    EXPECT_TRUE(session->is_retired());
    EXPECT_FALSE(ended);
    EXPECT_FALSE(lease->has_response_begun());
    EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, Errc::peer_closed);
    lease.reset();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2SessionTest, ASlowTransportLosesNothing) {
    connect();
    origin->stream().limit_read(7);
    auto lease = send(request("POST", "/"), http::Sized{300'000});
    std::string body(300'000, 'x');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 26);
    const auto sent = loop.start(lease->send_body(body));
    loop.run();
    ASSERT_TRUE(sent.done());
    EXPECT_EQ(origin->requests().at(1).body, body);
}

}  // namespace
}  // namespace nikawa::origin
