#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "origin/h2_frame_fixture.hpp"

namespace nikawa::origin {
namespace {

class H2HostileTest : public H2FrameFixture {};

// Streams of the tables: what is done to the first must not harm the second.
constexpr std::uint32_t victim_id = 1;
constexpr std::uint32_t sibling_id = 3;

constexpr std::uint16_t enable_push = 2;
constexpr std::uint16_t max_concurrent_streams = 3;
constexpr std::uint16_t initial_window_size = 4;
constexpr std::uint16_t max_frame_size = 5;
constexpr std::uint16_t enable_connect_protocol = 8;

constexpr std::uint32_t most = 0x7fffffff;

struct Row {
    std::string_view what;
    std::string frames;   // after both requests
    std::string victim;   // how its response ends
    std::string sibling;  // the same; if the session goes on, it is answered after the frames
};

std::string response_with(std::string_view fields, unsigned flags = h2::end_headers) {
    return h2::headers(victim_id, std::string{h2::ok}.append(fields), flags);
}

const std::string whole_response =
    h2::headers(victim_id) + h2::data(victim_id, "x", h2::end_stream);
const std::string half_response = h2::headers(victim_id) + h2::data(victim_id, "x");

// What ends one stream, or none.
TEST_F(H2HostileTest, WhatIsWrongWithOneStreamEndsThatAlone) {
    using h2::field;
    const Row rows[] = {
        // RST_STREAM, RFC 9113 §6.4
        {"reset before a head", h2::rst_stream(1, Error::internal), "stream_reset", "200"},
        {"reset behind a head",
         h2::headers(1) + h2::rst_stream(1, Error::internal),
         "stream_reset",
         "200"},
        {"reset in a body",
         half_response + h2::rst_stream(1, Error::cancel),
         "stream_reset",
         "200"},
        {"reset behind the end", whole_response + h2::rst_stream(1, Error::no_error), "200", "200"},
        {"declined", h2::rst_stream(1, Error::refused_stream), "stream_declined", "200"},
        {"refused though it has answered",
         h2::headers(1) + h2::rst_stream(1, Error::refused_stream),
         "stream_reset",
         "200"},
        {"only over HTTP/1.1, §7",
         h2::rst_stream(1, Error::http_1_1_required),
         "http_1_1_required",
         "200"},
        {"only over HTTP/1.1, behind a head",
         h2::headers(1) + h2::rst_stream(1, Error::http_1_1_required),
         "http_1_1_required",
         "200"},
        {"reset twice",
         h2::rst_stream(1, Error::cancel) + h2::rst_stream(1, Error::cancel),
         "stream_reset",
         "200"},

        // Heads, §8.2 and §8.3
        {"upper case in a name", response_with(field("X-Upper", "1")), "malformed", "200"},
        {"a request's pseudo-field", response_with(field(":path", "/")), "malformed", "200"},
        {"an unknown pseudo-field", response_with(field(":foo", "1")), "malformed", "200"},
        {"two statuses", response_with(h2::ok), "malformed", "200"},
        {"a status behind a field",
         h2::headers(1, field("x", "1").append(h2::ok)),
         "malformed",
         "200"},
        {"no status", h2::headers(1, field("x", "1")), "malformed", "200"},
        {"an empty status", h2::headers(1, field(":status", "")), "malformed", "200"},
        {"a signed status", h2::headers(1, field(":status", "+20")), "malformed", "200"},
        {"an empty name", response_with(field("", "1")), "malformed", "200"},
        {"a line break in a value", response_with(field("x", "a\r\ny: b")), "malformed", "200"},
        {"Connection", response_with(field("connection", "close")), "malformed", "200"},
        {"Keep-Alive", response_with(field("keep-alive", "timeout=1")), "malformed", "200"},
        {"Proxy-Connection", response_with(field("proxy-connection", "close")), "malformed", "200"},
        {"Upgrade", response_with(field("upgrade", "h2c")), "malformed", "200"},
        {"Transfer-Encoding",
         response_with(field("transfer-encoding", "chunked")),
         "malformed",
         "200"},
        {"an interim head that ends the stream",
         h2::headers(1, field(":status", "103"), whole_head),
         "malformed",
         "200"},

        // Bodies, §8.1.1
        {"a body beyond its length",
         response_with(field("content-length", "1")) + h2::data(1, "xy"),
         "malformed",
         "200"},
        {"a body short of its length",
         response_with(field("content-length", "2")) + h2::data(1, "x", h2::end_stream),
         "malformed",
         "200"},
        {"no body of a length",
         response_with(field("content-length", "2"), whole_head),
         "malformed",
         "200"},
        {"two lengths",
         response_with(field("content-length", "1") + field("content-length", "1")),
         "malformed",
         "200"},
        {"a signed length", response_with(field("content-length", "+1")), "malformed", "200"},
        {"a length beyond all numbers",
         response_with(field("content-length", std::string(30, '9'))),
         "malformed",
         "200"},
        {"a body of a 204",
         h2::headers(1, field(":status", "204")) + h2::data(1, "x", h2::end_stream),
         "malformed",
         "200"},

        // Trailers, §8.1
        {"trailers", half_response + h2::headers(1, field("x-sum", "1"), whole_head), "200", "200"},
        {"a pseudo-field in trailers",
         half_response + h2::headers(1, h2::ok, whole_head),
         "malformed",
         "200"},
        {"trailers that do not end the stream",
         half_response + h2::headers(1, field("x-sum", "1")),
         "malformed",
         "200"},

        // Flow control, §6.9.1
        {"a window beyond 2^31-1", h2::window_update(1, most), "malformed", "200"},

        // What there is nothing wrong with, or nobody minds
        {"frames of unknown types, §5.5",
         h2::frame(Type::unknown, 0xff, 1, "?") + h2::frame(Type::unknown, 0, 99, "?") +
             whole_response,
         "200",
         "200"},
        {"unknown settings, §6.5.2", h2::settings({{0xbeef, 1}}) + whole_response, "200", "200"},
        {"a body in padding",
         h2::headers(1) + h2::data(1, std::string("\x03x\0\0\0", 5), h2::padded) +
             h2::data(1, "", h2::end_stream),
         "200",
         "200"},
        {"DATA behind our own reset is nobody's",
         h2::headers(1, field("x", "1")) + h2::data(1, "x") + h2::data(1, "x"),
         "malformed",
         "200"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.what);
        connect();
        auto victim = get("/victim");
        auto sibling = get("/sibling");
        receive(row.frames);
        EXPECT_EQ(outcome(victim), row.victim);
        EXPECT_FALSE(session->is_retired());
        receive(h2::headers(sibling_id, h2::ok, whole_head));
        EXPECT_EQ(outcome(sibling), row.sibling);
        EXPECT_EQ(peer->told_goaway(), -1);
        victim.reset();
        sibling.reset();
        peer->close();
        loop.run();
        ASSERT_TRUE(ended);
    }
}

// What ends the session: a stream of which nothing has come may try another one, if the origin has
// answered on this one before.
TEST_F(H2HostileTest, WhatIsWrongWithTheSessionEndsItAndSaysWhy) {
    struct Breach {
        std::string_view what;
        std::string frames;
        Error told;
    };
    const Breach rows[] = {
        // The connection preface, RFC 9113 §3.4
        {"garbage", std::string(100, 'x'), Error::frame_size},
        {"HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Error::frame_size},

        // Frames, §4.2 and §6
        {"a frame beyond the limit", h2::frame_head(Type::data, 0, 1, 16385), Error::frame_size},
        {"DATA on stream 0", h2::data(0, "x"), Error::protocol},
        {"padding beyond the frame", h2::data(1, "\x7fx", h2::padded), Error::protocol},
        {"HEADERS on stream 0", h2::headers(0), Error::protocol},
        {"a short RST_STREAM", h2::frame(Type::rst_stream, 0, 1, "abc"), Error::frame_size},
        {"RST_STREAM on stream 0", h2::rst_stream(0, Error::cancel), Error::protocol},
        {"a short SETTINGS", h2::frame(Type::settings, 0, 0, "abc"), Error::frame_size},
        {"SETTINGS on a stream", h2::frame(Type::settings, 0, 1), Error::protocol},
        {"an ACK with settings",
         h2::frame(Type::settings, h2::ack, 0, "abcdef"),
         Error::frame_size},
        {"an ACK of nothing", h2::settings_ack(), Error::protocol},
        {"a short PING", h2::frame(Type::ping, 0, 0, "abc"), Error::frame_size},
        {"PING on a stream", h2::frame(Type::ping, 0, 1, "12345678"), Error::protocol},
        {"a short GOAWAY", h2::frame(Type::goaway, 0, 0, "abc"), Error::frame_size},
        {"GOAWAY on a stream", h2::frame(Type::goaway, 0, 1, "12345678"), Error::protocol},
        {"a short WINDOW_UPDATE", h2::frame(Type::window_update, 0, 0, "a"), Error::frame_size},
        {"a short PRIORITY", h2::frame(Type::priority, 0, 1, "abc"), Error::frame_size},
        {"PUSH_PROMISE though it is disabled, §8.4",
         h2::frame(Type::push_promise, h2::end_headers, 1, h2::number(2, 4).append(h2::ok)),
         Error::protocol},

        // Settings, §6.5.2
        {"push enabled", h2::settings({{enable_push, 1}}), Error::protocol},
        {"a push that is no boolean", h2::settings({{enable_push, 2}}), Error::protocol},
        {"a window beyond 2^31-1",
         h2::settings({{initial_window_size, 0x80000000U}}),
         Error::flow_control},
        {"frames too small", h2::settings({{max_frame_size, 1}}), Error::protocol},
        {"CONNECT that is no boolean",
         h2::settings({{enable_connect_protocol, 2}}),
         Error::protocol},

        // Streams in the wrong state, §5.1
        {"DATA before a head", h2::data(1, "x"), Error::protocol},
        {"DATA on an idle stream", h2::data(99, "x"), Error::protocol},
        {"HEADERS on an idle stream", h2::headers(99), Error::protocol},
        {"HEADERS on a stream of its own", h2::headers(2), Error::protocol},
        {"RST_STREAM on an idle stream", h2::rst_stream(99, Error::cancel), Error::protocol},
        {"WINDOW_UPDATE on an idle stream", h2::window_update(99, 1), Error::protocol},

        // Flow control, §6.9
        {"a connection's window beyond 2^31-1", h2::window_update(0, most), Error::flow_control},
        {"a window of the connection that grows by 0", h2::window_update(0, 0), Error::protocol},
        {"a window of a stream that grows by 0", h2::window_update(1, 0), Error::protocol},

        // HPACK, RFC 7541 §2.3.3, §4.2 and §5
        {"index 0", h2::headers(1, "\x80"), Error::compression},
        {"an index beyond the table", h2::headers(1, "\xff\x80\x01"), Error::compression},
        {"a number without end", h2::headers(1, std::string(20, '\xff')), Error::compression},
        {"a table larger than ours", h2::headers(1, "\x3f\xe1\x3f"), Error::compression},
        {"a table that changes behind a field", h2::headers(1, "\x88\x20"), Error::compression},
        {"a string beyond the block",
         h2::headers(1, std::string_view("\0\x05x", 3)),
         Error::compression},
        {"bad Huffman padding",
         h2::headers(1, std::string_view("\0\x01x\x81\xff", 5)),
         Error::compression},

        // Header blocks, RFC 9113 §4.3 and §6.10
        {"CONTINUATION of nothing",
         h2::frame(Type::continuation, h2::end_headers, 1),
         Error::protocol},
        {"another frame in a header block",
         h2::headers(1, h2::ok, 0) + h2::ping(),
         Error::protocol},
        {"CONTINUATION of another stream",
         h2::headers(1, h2::ok, 0) + h2::frame(Type::continuation, h2::end_headers, 3),
         Error::protocol},
    };
    for (const Breach& row : rows) {
        SCOPED_TRACE(row.what);
        connect();
        auto before = get("/victim");
        auto sibling = get("/sibling");
        receive(row.frames);
        EXPECT_TRUE(session->is_retired());
        EXPECT_EQ(session->end_cause(), SessionEnd::broken);
        EXPECT_EQ(peer->told_goaway(), static_cast<std::int64_t>(row.told));
        const auto of_sibling = outcome(sibling);
        EXPECT_TRUE(of_sibling == "malformed" || of_sibling == "stream_refused") << of_sibling;
        before.reset();
        sibling.reset();
        loop.run();
        ASSERT_TRUE(ended);  // nothing waits for the peer's end
    }
}

TEST_F(H2HostileTest, ASessionThatBreaksDownAfterAnAnswerIsToldLikeALostConnection) {
    connect();
    auto victim = get("/victim");
    auto sibling = get("/sibling");
    receive(half_response + h2::ping() + h2::data(0, "x"));
    EXPECT_EQ(outcome(victim), "malformed");     // part of it came
    EXPECT_EQ(outcome(sibling), "peer_closed");  // nothing did: it may go elsewhere
}

// GOAWAY, RFC 9113 §6.8

TEST_F(H2HostileTest, GoAwayOfEachKindRefusesWhatIsAboveItAndKeepsTheRest) {
    const Row rows[] = {
        {"a notice", h2::go_away(most, Error::no_error), "200", "200"},
        {"above all", h2::go_away(sibling_id, Error::no_error), "200", "200"},
        {"between", h2::go_away(victim_id, Error::no_error), "200", "stream_refused"},
        {"below all", h2::go_away(0, Error::no_error), "stream_refused", "stream_refused"},
        {"an error, and it goes on", h2::go_away(sibling_id, Error::internal), "200", "200"},
        {"an error below", h2::go_away(victim_id, Error::internal), "200", "stream_refused"},
        {"a notice, then the last",
         h2::go_away(most, Error::no_error) + h2::go_away(victim_id, Error::no_error),
         "200",
         "stream_refused"},
        {"the same again and again",
         test::h2::repeated(h2::go_away(victim_id, Error::no_error), 100),
         "200",
         "stream_refused"},
        {"with much to say",
         h2::frame(
             Type::goaway, 0, 0, h2::number(most, 4) + h2::number(0, 4) + std::string(16000, 'x')),
         "200",
         "200"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.what);
        connect();
        auto victim = get("/victim");
        auto sibling = get("/sibling");
        receive(row.frames);
        EXPECT_TRUE(session->is_retired());
        EXPECT_EQ(session->capacity(), 0U);
        receive(whole_response + h2::headers(sibling_id, h2::ok, whole_head));
        EXPECT_EQ(outcome(victim), row.victim);
        EXPECT_EQ(outcome(sibling), row.sibling);
        victim.reset();
        sibling.reset();
        loop.run();
        peer->close();
        loop.run();
        ASSERT_TRUE(ended);
    }
}

TEST_F(H2HostileTest, ALastStreamThatGrowsEndsTheSession) {
    connect();
    auto victim = get("/victim");
    auto sibling = get("/sibling");
    receive(h2::go_away(1, Error::no_error) + h2::go_away(5, Error::no_error));
    EXPECT_EQ(peer->told_goaway(), static_cast<std::int64_t>(Error::protocol));
    EXPECT_EQ(outcome(victim), "malformed");
    EXPECT_EQ(outcome(sibling), "stream_refused");
}

// Streams that have ended, §5.1

TEST_F(H2HostileTest, FramesBehindTheEndOfAStreamHarmNobodyElse) {
    const std::string rows[] = {h2::headers(victim_id),
                                h2::data(victim_id, "more"),
                                h2::window_update(victim_id, 1),
                                h2::rst_stream(victim_id, Error::cancel)};
    for (const std::string& frames : rows) {
        SCOPED_TRACE(static_cast<int>(frames[3]));
        connect();
        auto victim = get("/victim");
        auto sibling = get("/sibling");
        receive(whole_response + frames);
        EXPECT_EQ(outcome(victim), "200");
        receive(h2::headers(sibling_id, h2::ok, whole_head));
        const auto of_sibling = outcome(sibling);
        EXPECT_TRUE(of_sibling == "200" || of_sibling == "peer_closed") << of_sibling;
        victim.reset();
        sibling.reset();
        peer->close();
        loop.run();
        ASSERT_TRUE(ended);
    }
}

// Settings that shrink, §6.5.2 and §6.9.2

TEST_F(H2HostileTest, AnUploadStallsWhileItsWindowIsShutAndGoesOn) {
    for (const std::uint32_t window : {0U, 1U}) {
        SCOPED_TRACE(window);
        connect();
        auto upload = send(request("POST", "/"), http::Sized{100'000});
        const std::string body(100'000, 'b');
        const auto sent = loop.start(upload->send_body(body));
        loop.run();
        EXPECT_EQ(peer->data_bytes(1), 65535U);
        receive(h2::settings({{initial_window_size, window}}));
        receive(h2::window_update(0, 1'000'000) + h2::window_update(1, 10'000));
        EXPECT_EQ(peer->data_bytes(1), 65535U);  // it owes as much, and more
        EXPECT_FALSE(sent.done());
        receive(h2::window_update(1, 65535 - 10'000));
        EXPECT_EQ(peer->data_bytes(1), 65535U + window);
        receive(h2::settings({{initial_window_size, 65535}}));
        EXPECT_EQ(peer->data_bytes(1), 100'000U);
        EXPECT_TRUE(sent.done());
        receive(h2::headers(1, h2::ok, whole_head));
        EXPECT_EQ(outcome(upload), "200");
        upload.reset();
        peer->close();
        loop.run();
        ASSERT_TRUE(ended);
    }
}

// RFC 9113 §8.1: the rest of the request may be left out, but then it must not look whole.
TEST_F(H2HostileTest, AnUploadThatIsAnsweredInItsMiddleIsReset) {
    for (const bool is_sized : {true, false}) {
        SCOPED_TRACE(is_sized);
        connect();
        receive(h2::settings({{initial_window_size, 10}}));
        http::BodyFraming framing = http::Chunked{};
        if (is_sized) framing = http::Sized{100};
        auto upload = send(request("POST", "/"), framing);
        const std::string body(100, 'b');
        const auto sent = loop.start(upload->send_body(body));
        loop.run();
        ASSERT_EQ(peer->data_bytes(1), 10U);
        receive(h2::headers(1, h2::ok, whole_head));
        EXPECT_TRUE(sent.done());
        receive(h2::window_update(1, 1000));
        EXPECT_EQ(outcome(upload), "200");
        upload.reset();
        loop.run();
        EXPECT_EQ(peer->data_bytes(1), 10U);
        EXPECT_NE(peer->told_reset(1), -1);
        for (const auto& frame : peer->frames()) {
            EXPECT_FALSE(frame.type == Type::data && (frame.flags & h2::end_stream) != 0);
        }
        peer->close();
        loop.run();
        ASSERT_TRUE(ended);
    }
}

// What the sender took back when it was let go was a frame's already, which waited for room.
TEST_F(H2HostileTest, AnUploadThatIsAnsweredWhileThePeerReadsNothingIsReset) {
    connect();
    receive(h2::settings({{initial_window_size, 1'000'000}}) + h2::window_update(0, 1'000'000));
    auto sibling = get("/sibling");
    auto upload = send(request("POST", "/"), http::Sized{200'000});
    wire->set_capacity(0);
    const std::string body(200'000, 'b');
    const auto sent = loop.start(upload->send_body(body));
    loop.run();
    ASSERT_FALSE(sent.done());
    receive(h2::headers(3, h2::ok, whole_head));
    ASSERT_TRUE(sent.done());
    wire->set_capacity(1'000'000);
    wire->wake();
    loop.run();
    EXPECT_EQ(outcome(upload), "200");
    EXPECT_LT(peer->data_bytes(3), 200'000U);
    EXPECT_NE(peer->told_reset(3), -1);
    for (const auto& frame : peer->frames()) {
        if (frame.type != Type::data) continue;
        EXPECT_EQ(frame.payload.find_first_not_of('b'), std::string::npos);
        EXPECT_EQ(frame.flags & h2::end_stream, 0U);
    }
    receive(h2::headers(1, h2::ok, whole_head));
    EXPECT_EQ(outcome(sibling), "200");
}

TEST_F(H2HostileTest, TrailersThatCannotBeSentAnyMoreAreNotLeftOut) {
    connect();
    receive(h2::settings({{initial_window_size, 10}}));
    auto upload = send(request("POST", "/"), http::Chunked{});
    const std::string body(10, 'b');
    ASSERT_TRUE(loop.result_of(upload->send_body(body)));
    http::FieldBlock trailers;
    trailers.add("x-sum", "1");
    const auto finished = loop.start(upload->finish_body({}, trailers));
    receive(h2::headers(1, h2::ok, whole_head));
    EXPECT_TRUE(finished.done());
    receive(h2::window_update(1, 1000));
    const auto ended_by = [&](const auto& frame) { return (frame.flags & h2::end_stream) != 0; };
    for (const auto& frame : peer->frames()) {
        EXPECT_FALSE(frame.type == Type::data && ended_by(frame));
    }
    EXPECT_EQ(outcome(upload), "200");
}

TEST_F(H2HostileTest, AnUploadThatIsTakenSlowlyIsNotOverdue) {
    connect();
    auto upload = send(request("POST", "/"), http::Sized{70'000});
    const std::string body(70'000, 'b');
    const auto sent = loop.start(upload->send_body(body));
    loop.run();
    receive(h2::window_update(0, 1'000'000));
    for (int i = 0; i < 10; ++i) {
        loop.advance(15s);  // the limit is 20 s
        receive(h2::window_update(1, 100));
        EXPECT_EQ(peer->data_bytes(1), 65535U + 100U * (static_cast<unsigned>(i) + 1));
    }
    EXPECT_FALSE(sent.done());
    loop.advance(20s);
    ASSERT_TRUE(sent.done());
    EXPECT_EQ(sent.value().error().code, Errc::write_timed_out);
}

TEST_F(H2HostileTest, CapacityFollowsALimitBelowWhatRuns) {
    connect();
    auto victim = get("/victim");
    auto sibling = get("/sibling");
    receive(h2::settings({{max_concurrent_streams, 1}}));
    EXPECT_EQ(session->capacity(), 0U);
    receive(whole_response);
    EXPECT_EQ(session->capacity(), 0U);
    receive(h2::headers(sibling_id, h2::ok, whole_head));
    EXPECT_EQ(outcome(victim), "200");
    EXPECT_EQ(outcome(sibling), "200");
    EXPECT_EQ(session->capacity(), 1U);
    receive(h2::settings({{max_concurrent_streams, 0}}));
    EXPECT_EQ(session->capacity(), 0U);
    EXPECT_FALSE(session->is_retired());  // for the moment only
    receive(h2::settings({{max_concurrent_streams, 10}}));
    EXPECT_EQ(session->capacity(), 10U);
}

TEST_F(H2HostileTest, ARequestThatCannotLeaveUnderALowerLimitIsRefusedAtOnce) {
    connect();
    wire->set_capacity(0);  // the session cannot write any more
    auto first = get("/first");
    auto held_back = send(request("POST", "/"), http::Chunked{});
    const auto head = loop.start(held_back->receive_head());
    receive(h2::settings({{max_concurrent_streams, 1}}));
    ASSERT_TRUE(head.done());
    EXPECT_EQ(head.value().error(), (Failure{Errc::stream_refused, Side::origin}));
    wire->set_capacity(65536);
    held_back.reset();
    receive(h2::headers(1, h2::ok, whole_head));
    EXPECT_EQ(outcome(first), "200");
    EXPECT_EQ(peer->count(Type::headers), 1U);
}

}  // namespace
}  // namespace nikawa::origin
