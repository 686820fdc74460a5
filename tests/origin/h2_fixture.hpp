#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>

#include "nikawa/origin/h2_session.hpp"
#include "support/h2_origin.hpp"
#include "support/origin_exchange.hpp"
#include "support/test_loop.hpp"

namespace nikawa::origin {

using namespace std::chrono_literals;
using test::Fields;
using test::H2Origin;
using test::read_body;
using test::request;

/// A session over a wire in memory.
class H2SessionFixture : public testing::Test, protected SessionListener {
protected:
    void capacity_changed(OriginSession&) noexcept override {
        ++told;
        if (on_capacity) on_capacity();
    }
    void heard(OriginSession&) noexcept override {
        ++times_heard;
        if (on_heard) on_heard();
    }

    /// Makes the session, to whoever has the other end of the wire.
    void attach(std::unique_ptr<test::MemoryStream> near, const H2Limits& wanted) {
        limits = wanted;
        wire = near.get();
        session = std::make_unique<H2Session>(loop,
                                              net::Dialled{.stream = std::move(near),
                                                           .protocol = net::Protocol::http_2,
                                                           .times = {},
                                                           .address = {},
                                                           .resumed = false},
                                              limits,
                                              scratch);
        ended = false;
        loop.spawn(serve());
        loop.run();
    }

    Task<void> serve() {
        co_await session->run(*this);
        ended = true;
    }

    StreamLease send(const http::RequestHead& head, http::BodyFraming framing = http::NoBody{}) {
        auto lease = session->open_stream(timeouts);
        EXPECT_TRUE(lease->send_head(head, framing));
        loop.run();
        return lease;
    }

    StreamLease get(std::string_view target) { return send(request("GET", target)); }

    unsigned status_of(StreamLease& lease) {
        const auto head = loop.result_of(lease->receive_head());
        return head ? (*head)->status : 0;
    }

    void TearDown() override {
        if (session) session->close({Errc::pool_closed, Side::self});
        loop.run();
        EXPECT_TRUE(ended);
    }

    test::TestLoop loop;
    H2Limits limits;
    StreamTimeouts timeouts{.response_head = 60s, .response_body = 30s, .write = 20s};
    std::array<char, 16384> scratch;
    test::MemoryStream* wire = nullptr;  // the session's end
    std::unique_ptr<H2Session> session;
    bool ended = false;
    int told = 0;
    int times_heard = 0;
    std::function<void()> on_capacity;
    std::function<void()> on_heard;
};

/// To an origin that the test steers.
class H2SessionTest : public H2SessionFixture {
protected:
    void connect(H2Origin::Settings settings = {}, const H2Limits& wanted = {}) {
        auto pair = test::make_stream_pair(loop);
        origin = std::make_unique<H2Origin>(loop, std::move(pair.far), settings);
        attach(std::move(pair.near), wanted);
    }

    std::unique_ptr<H2Origin> origin;
};

}  // namespace nikawa::origin
