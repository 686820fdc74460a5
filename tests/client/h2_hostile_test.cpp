#include <string>
#include <string_view>
#include <vector>

#include "client/h2_fixture.hpp"
#include "nikawa/http/frame_allowance.hpp"

namespace nikawa::client {
namespace {

using h2::Error;
using h2::field;
using h2::Type;

constexpr unsigned whole_head = h2::end_headers | h2::end_stream;
constexpr auto most_frames = http::FrameAllowance::most;

std::string request_block(std::string_view method = "GET", std::string_view more = {}) {
    return field(":method", method) + field(":scheme", "http") + field(":path", "/") +
           field(":authority", "a.example") + std::string{more};
}

std::string request(std::uint32_t stream, unsigned flags = whole_head) {
    return h2::headers(stream, request_block(), flags);
}

/// A client whose frames are written out, so that they may be wrong.
class H2HostileTest : public ClientFixture {
protected:
    ~H2HostileTest() override {
        if (connection != nullptr) connection->close();
        loop.run();
    }

    void connect() {
        peer.reset();
        auto stream = accept();
        peer.emplace(loop, std::move(stream), test::H2FramePeer::Role::client);
        receive(std::string{h2_preface} + h2::settings() + h2::settings_ack());
    }

    void receive(std::string_view frames) {
        peer->send(frames);
        loop.run();
    }

    [[nodiscard]] bool is_answered(std::uint32_t stream) const {
        for (const auto& frame : peer->frames()) {
            if (frame.type == Type::headers && frame.stream == stream) return true;
        }
        return false;
    }

    std::optional<test::H2FramePeer> peer;
};

TEST_F(H2HostileTest,
       AMalformedRequestIsResetAndLoggedAndNothingElse) {  // RFC 9113 §8.1.1, §8.2, §8.3
    const std::string line_feed = std::string{"x\ny"};
    const std::vector<std::pair<std::string_view, std::string>> blocks{
        {"no method", field(":scheme", "http") + field(":path", "/") + field(":authority", "a")},
        {"no path", field(":method", "GET") + field(":scheme", "http") + field(":authority", "a")},
        {"no authority", field(":method", "GET") + field(":scheme", "http") + field(":path", "/")},
        {"two paths", request_block("GET", field(":path", "/2"))},
        {"a pseudo-field behind others", request_block("GET", field("x", "y") + field(":x", "y"))},
        {"an unknown pseudo-field", request_block("GET", field(":unknown", "y"))},
        {"that of a response", request_block("GET", field(":status", "200"))},
        {"an extended CONNECT", request_block("CONNECT", field(":protocol", "websocket"))},
        {"Connection", request_block("GET", field("connection", "close"))},
        {"Transfer-Encoding", request_block("GET", field("transfer-encoding", "chunked"))},
        {"Upgrade", request_block("GET", field("upgrade", "h2c"))},
        {"TE beyond trailers", request_block("GET", field("te", "gzip"))},
        {"a name in upper case", request_block("GET", field("X-Upper", "1"))},
        {"a name with a space", request_block("GET", field("x y", "1"))},
        {"a line feed", request_block("GET", field("x", line_feed))},
        {"a path with a space",
         field(":method", "GET") + field(":scheme", "http") + field(":path", "/a b") +
             field(":authority", "a")},
        {"an absolute path",
         field(":method", "GET") + field(":scheme", "http") + field(":path", "http://b/") +
             field(":authority", "a")},
        {"a length without a body", request_block("POST", field("content-length", "5"))},
        {"two lengths",
         request_block("POST", field("content-length", "0") + field("content-length", "0"))},
    };
    for (const auto& [what, block] : blocks) {
        SCOPED_TRACE(what);
        connect();
        receive(h2::headers(1, block, whole_head));
        EXPECT_EQ(peer->told_reset(1), static_cast<std::int64_t>(Error::protocol));
        EXPECT_EQ(peer->told_goaway(), -1);
        receive(request(3));
        EXPECT_TRUE(is_answered(3));
        ASSERT_EQ(handler.refused.size(), 1U);
        EXPECT_EQ(handler.refused[0].code, Errc::bad_head);
        handler.refused.clear();
    }
    EXPECT_EQ(handler.requests.size(), blocks.size());
}

TEST_F(H2HostileTest, ARequestThatItsClientTookBackAtOnceIsOnlyLogged) {
    connect();
    receive(request(1, h2::end_headers) + h2::rst_stream(1, Error::cancel) + request(3));
    ASSERT_EQ(handler.refused.size(), 1U);
    EXPECT_EQ(handler.refused[0].code, Errc::client_gone);
    EXPECT_EQ(handler.requests.size(), 1U);
}

struct Flood {
    std::string_view what;
    std::string frame;
};

TEST_F(H2HostileTest, AFloodEndsTheConnectionAndNoHonestAmountDoes) {  // RFC 9113 §10.5
    handler.answer = read_body;
    const std::vector<Flood> floods{
        {"PING", h2::ping()},
        {"PING answers", h2::frame(Type::ping, h2::ack, 0, "12345678")},
        {"SETTINGS", h2::settings({{4, 65535}})},
        {"empty DATA", h2::data(1, "")},
        {"DATA of padding", h2::data(1, std::string("\x03\0\0\0", 4), h2::padded)},
        {"WINDOW_UPDATE", h2::window_update(1, 1)},
        {"PRIORITY", h2::frame(Type::priority, 0, 1, std::string("\0\0\0\0\1", 5))},
        {"unknown frames", h2::frame(Type::unknown, 0, 0, std::string(100, 'x'))},
        {"GOAWAY", h2::go_away(0, Error::no_error)},
    };
    for (const Flood& flood : floods) {
        for (const bool too_many : {false, true}) {
            SCOPED_TRACE(std::string{flood.what} + (too_many ? ", too many" : ", many"));
            connect();
            receive(request(1, h2::end_headers));
            receive(h2::repeated(flood.frame, too_many ? most_frames + 100 : most_frames - 100));
            const auto calm = static_cast<std::int64_t>(Error::enhance_your_calm);
            EXPECT_EQ(peer->told_goaway(), too_many ? calm : -1);
            receive(h2::data(1, "x", h2::end_stream));
            EXPECT_EQ(handler.exchange, nullptr);
            peer->close();
            EXPECT_TRUE(has_ended());
        }
    }
}

TEST_F(H2HostileTest, RequestsThatAreResetAtOnceAreAFlood) {  // CVE-2023-44487
    handler.answer = answer_later;
    connect();
    std::string frames;
    for (std::uint32_t i = 0; i < 2000; ++i) {
        frames += request(2 * i + 1) + h2::rst_stream(2 * i + 1, Error::cancel);
    }
    receive(frames);
    EXPECT_EQ(peer->told_goaway(), static_cast<std::int64_t>(Error::enhance_your_calm));
    EXPECT_EQ(handler.requests.size(), 0U) << "nobody is asked for what is gone already";
}

TEST_F(H2HostileTest, ExchangesThatClientsLeftAreStillCounted) {
    limits.max_streams = 5;
    handler.answer = answer_later;  // does not look whether the client is there
    connect();
    for (std::uint32_t i = 0; i < 30; ++i) {
        receive(request(2 * i + 1));
        receive(h2::rst_stream(2 * i + 1, Error::cancel));
    }
    EXPECT_EQ(handler.requests.size(), 10U);
    EXPECT_EQ(peer->told_reset(59), static_cast<std::int64_t>(Error::refused_stream));
    for (auto& event : handler.held) event.notify();
    loop.run();
}

TEST_F(H2HostileTest, AStreamThatIsEndlesslyContinuedEndsTheConnection) {  // CVE-2024-27316
    connect();
    receive(h2::headers(1, request_block(), h2::end_stream) +
            h2::repeated(h2::frame(Type::continuation, 0, 1, field("x", "y")), 100));
    EXPECT_EQ(peer->told_goaway(), static_cast<std::int64_t>(Error::enhance_your_calm));
    EXPECT_EQ(handler.requests.size(), 0U);
}

TEST_F(H2HostileTest, AHeadThatDoesNotEndIsNotWaitedForForEver) {
    connect();
    receive(h2::headers(1, request_block(), h2::end_stream));
    for (int i = 0; i < 4; ++i) {
        loop.advance(limits.head_timeout / 5);
        receive(h2::frame(Type::continuation, 0, 1, field("x", "y")));
    }
    EXPECT_EQ(peer->told_goaway(), -1);
    loop.advance(limits.head_timeout / 5);
    EXPECT_EQ(peer->told_goaway(), static_cast<std::int64_t>(Error::no_error));
    peer->close();
    EXPECT_TRUE(has_ended());
    EXPECT_EQ(handler.requests.size(), 0U);
    ASSERT_EQ(handler.refused.size(), 1U);
    EXPECT_EQ(handler.refused[0].code, Errc::head_timed_out);
}

TEST_F(H2HostileTest, APrefaceThatDoesNotEndIsNotEither) {
    peer.reset();
    auto stream = accept();
    peer.emplace(loop, std::move(stream), test::H2FramePeer::Role::client);
    receive(h2_preface.substr(0, 20));
    loop.advance(limits.head_timeout);
    EXPECT_EQ(handler.refused.size(), 1U);
    peer->close();
    EXPECT_TRUE(has_ended());
}

TEST_F(H2HostileTest, WhatBreaksTheProtocolEndsTheConnectionWithAReason) {
    const std::vector<std::pair<std::string_view, std::string>> breaches{
        {"DATA before its stream", h2::data(1, "x")},
        {"an even stream", request(2)},
        {"a window that overflows", h2::window_update(0, 0x7fffffff)},
        {"PING of a wrong size", h2::frame(Type::ping, 0, 0, "1234")},
        {"a push", h2::frame(Type::push_promise, h2::end_headers, 1, h2::number(2, 4))},
        {"HPACK that is none", h2::headers(1, "\xff\xff\xff\xff\xff\xff", whole_head)},
        {"a frame that is too large", h2::frame(Type::unknown, 0, 0, std::string(20000, 'x'))},
    };
    for (const auto& [what, frames] : breaches) {
        SCOPED_TRACE(what);
        connect();
        receive(frames);
        EXPECT_GT(peer->told_goaway(), 0);
        peer->close();
        EXPECT_TRUE(has_ended());
    }
}

TEST_F(H2HostileTest, WhatBreaksAConnectionIsToldToThoseThatItEnds) {
    handler.answer = read_body;
    connect();
    receive(request(1, h2::end_headers));
    const std::string large(std::size_t{70} * 1024, '~');  // more than the library takes
    std::string block = request_block() + field("x-large", large);
    std::string frames = h2::headers(3, block.substr(0, 16000), 0);
    for (std::size_t at = 16000; at < block.size(); at += 16000) {
        const unsigned last = at + 16000 >= block.size() ? h2::end_headers : 0;
        frames += h2::frame(Type::continuation, last, 3, block.substr(at, 16000));
    }
    receive(frames);
    EXPECT_EQ(peer->told_goaway(), static_cast<std::int64_t>(Error::compression));
    peer->close();
    EXPECT_TRUE(has_ended());
    ASSERT_EQ(handler.refused.size(), 1U);
    EXPECT_EQ(describe(handler.refused[0]), "the request head is malformed (COMPRESSION_ERROR)");
    ASSERT_TRUE(handler.body_failure);
    EXPECT_EQ(describe(*handler.body_failure),
              "the client broke the rules of HTTP/2 (COMPRESSION_ERROR)");
}

TEST_F(H2HostileTest, ASmallBodyInTheSmallestFramesIsNoFlood) {
    connect();
    receive(request(1, h2::end_headers) + h2::repeated(h2::data(1, "x"), 5000) +
            h2::data(1, "", h2::end_stream));
    EXPECT_EQ(peer->told_goaway(), -1);
    EXPECT_EQ(handler.body.size(), 5000U);
    EXPECT_TRUE(is_answered(1));
}

TEST_F(H2HostileTest, OneThatReadsNoAnswersToItsPingsIsCutOff) {
    connect();
    peer->stream().set_capacity(1'000'000);
    our_end->set_capacity(100);
    receive(h2::repeated(h2::ping(), 500));
    loop.advance(limits.write_timeout + 1s);
    peer->close();
    EXPECT_TRUE(has_ended());
}

}  // namespace
}  // namespace nikawa::client
