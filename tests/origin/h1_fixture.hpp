#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "nikawa/origin/h1_session.hpp"
#include "support/origin_exchange.hpp"
#include "support/scripted_peer.hpp"
#include "support/test_loop.hpp"

namespace nikawa::origin {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers): a test's
using test::request;

inline constexpr Failure given_up{Errc::client_gone, Side::client};

/// What a response came to: its final head's status and its body, or the failure.
struct Reply {
    unsigned status = 0;
    std::string body;
    std::optional<Errc> failure;

    friend bool operator==(const Reply&, const Reply&) = default;
    friend void PrintTo(const Reply& reply, std::ostream* out) {
        *out << reply.status << ' ' << testing::PrintToString(reply.body);
        if (reply.failure) *out << ", then " << name_of(*reply.failure);
    }
};

inline Task<Reply> read_reply(OriginStream& stream) {
    Reply reply;
    while (reply.status < 200) {
        const auto head = co_await stream.receive_head();
        if (!head) {
            reply.failure = head.error().code;
            co_return reply;
        }
        reply.status = (*head)->status;
    }
    for (;;) {
        const auto piece = co_await stream.receive_body();
        if (!piece) reply.failure = piece.error().code;
        if (!piece || piece->empty()) co_return reply;
        reply.body.append(*piece);
    }
}

/// A session over a wire in memory, to an origin that plays a script.
class H1SessionTest : public testing::Test, protected SessionListener {
protected:
    void capacity_changed(OriginSession&) noexcept override {
        ++told;
        if (on_capacity) on_capacity();
    }
    void heard(OriginSession&) noexcept override {
        ++times_heard;
        if (on_heard) on_heard();
    }

    void SetUp() override { connect(); }

    test::ScriptedPeer& connect(H1SessionLimits wanted = {},
                                std::size_t wire_capacity = 64 * 1024) {
        disconnect();
        limits = wanted;
        auto pair = test::make_stream_pair(loop, {.capacity = wire_capacity});
        wire = pair.near.get();
        origin = std::make_unique<test::ScriptedPeer>(loop, std::move(pair.far));
        session = make_session(std::move(pair.near));
        ended = false;
        loop.spawn(serve());
        loop.run();
        return *origin;
    }

    std::unique_ptr<H1Session> make_session(std::unique_ptr<net::ByteStream> transport) {
        return std::make_unique<H1Session>(loop,
                                           net::Dialled{.stream = std::move(transport),
                                                        .protocol = net::Protocol::http_1_1,
                                                        .times = {},
                                                        .address = {},
                                                        .resumed = false},
                                           limits);
    }

    Task<void> serve() {
        co_await session->run(*this);
        ended = true;
    }

    void disconnect() {
        if (!session) return;
        session->close({Errc::pool_closed, Side::self});
        loop.run();
        EXPECT_TRUE(ended);
        session.reset();
        origin.reset();
    }

    void TearDown() override { disconnect(); }

    StreamLease begin(const http::RequestHead& head, http::BodyFraming framing = http::NoBody{}) {
        auto lease = session->open_stream(timeouts);
        EXPECT_TRUE(lease->send_head(head, framing));
        loop.run();
        return lease;
    }

    StreamLease get(std::string_view target = "/") { return begin(request("GET", target)); }

    StreamLease post(http::BodyFraming framing) { return begin(request("POST"), framing); }

    unsigned status_of(StreamLease& lease) {
        const auto head = loop.result_of(lease->receive_head());
        return head ? (*head)->status : 0;
    }

    Result<std::string> body_of(StreamLease& lease) {
        return loop.result_of(test::read_body(*lease));
    }

    Reply reply_of(StreamLease& lease) { return loop.result_of(read_reply(*lease)); }

    /// One whole exchange; gives the stream back.
    Reply exchange(std::string_view response, std::string_view method = "GET") {
        origin->expect_head(method).send(response);
        auto lease = begin(request(method));
        return reply_of(lease);
    }

    /// Whether the session takes another exchange, proven by one.
    bool is_reusable() {
        loop.run();
        if (session->capacity() == 0) {
            EXPECT_TRUE(session->is_retired());
            return false;
        }
        EXPECT_EQ(exchange("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain"),
                  (Reply{200, "again", {}}));
        return true;
    }

    void expect_ended() {
        loop.run();
        EXPECT_EQ(session->capacity(), 0U);
        EXPECT_TRUE(session->is_retired());
        EXPECT_TRUE(ended);
    }

    test::TestLoop loop;
    H1SessionLimits limits;
    StreamTimeouts timeouts{.response_head = 60s, .response_body = 30s, .write = 20s};
    test::MemoryStream* wire = nullptr;  // the session's end
    std::unique_ptr<test::ScriptedPeer> origin;
    std::unique_ptr<H1Session> session;
    bool ended = true;
    int told = 0;
    int times_heard = 0;
    std::function<void()> on_capacity;
    std::function<void()> on_heard;
};

}  // namespace nikawa::origin
