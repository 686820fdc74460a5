#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "nikawa/net/dialer.hpp"
#include "support/h2_origin.hpp"
#include "support/memory_stream.hpp"
#include "support/scripted_peer.hpp"
#include "support/test_loop.hpp"

namespace nikawa::test {

/// A dialer whose dials end when and as the test says:
///
///     dialer.connect_h1().expect_head("GET /").send("HTTP/1.1 204 No Content\r\n\r\n");
///     H2Origin& origin = dialer.connect_h2({.max_streams = 2});
///     dialer.fail({Errc::connect_failed, Side::origin});
///
/// Each of these ends the oldest dial that waits or, if none does, the next one at once. Owns the
/// origins it connects to; declare it before whoever dials.
class ScriptedDialer final : public net::Dialer {
public:
    explicit ScriptedDialer(TestLoop& loop) : loop_(loop) {}

    Task<net::DialResult<net::Dialled>> dial(const http::Origin& origin,
                                             net::DialMode mode) override {
        dialled_.push_back(origin);
        last_mode = mode;
        if (fails_at_once) co_return *fails_at_once;
        if (!prepared_.empty()) {
            auto outcome = std::move(prepared_.front());
            prepared_.pop_front();
            co_return outcome;
        }
        Dial dial{loop_.loop()};
        waiting_.push_back(&dial);
        while (!dial.outcome) co_await dial.ended.wait();
        co_return std::move(*dial.outcome);
    }

    void avoid(const http::Origin& /*origin*/, const net::IpAddress& given) override {
        avoided.push_back(given);
    }

    [[nodiscard]] bool has_left(const http::Origin& /*origin*/,
                                const net::IpAddress& asked) const override {
        return std::find(left.begin(), left.end(), asked) != left.end();
    }

    ScriptedPeer& connect_h1() {
        h1_origins_.push_back(
            std::make_unique<ScriptedPeer>(loop_, connect(net::Protocol::http_1_1)));
        loop_.run();
        return *h1_origins_.back();
    }

    H2Origin& connect_h2(const H2Origin::Settings& settings = {}) {
        h2_origins_.push_back(
            std::make_unique<H2Origin>(loop_, connect(net::Protocol::http_2), settings));
        loop_.run();
        return *h2_origins_.back();
    }

    void fail(const Failure& why, std::optional<net::Endpoint> peer = {}) {
        settle(net::DialFailure{why, peer});
        loop_.run();
    }

    /// Fails all dials that wait: for the end of a test that leaves some.
    void fail_waiting() {
        while (!waiting_.empty()) fail({Errc::connect_failed, Side::origin});
    }

    /// The origins dialled so far, in order, and how many of these dials have not ended.
    [[nodiscard]] const std::vector<http::Origin>& dialled() const { return dialled_; }
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

    WireSettings wire{.near_address = "192.0.2.1:443"};  ///< of the next connection
    net::DialTimes times;                                ///< what the next connection says it took
    net::IpAddress address;                              ///< whom it is said to lead to
    std::optional<Failure> fails_at_once;                ///< why each dial that begins does, if so
    bool confirmed = true;                               ///< whether the next connection is
    MemoryStream* near = nullptr;                        ///< our end of the one made last
    net::DialMode last_mode = net::DialMode::plain;      ///< of the dial that began last
    std::vector<net::IpAddress> avoided;                 ///< what dials were told to avoid
    std::vector<net::IpAddress> left;                    ///< what DNS no longer names

private:
    struct Dial {
        explicit Dial(loop::Loop& loop) : ended(loop) {}
        std::optional<net::DialResult<net::Dialled>> outcome;
        loop::Event ended;
    };

    std::unique_ptr<MemoryStream> connect(net::Protocol protocol) {
        auto pair = make_stream_pair(loop_, wire);
        near = pair.near.get();
        near->confirmed = confirmed;
        settle(net::Dialled{.stream = std::move(pair.near),
                            .protocol = protocol,
                            .times = times,
                            .address = address,
                            .resumed = false});
        return std::move(pair.far);
    }

    void settle(net::DialResult<net::Dialled> outcome) {
        if (waiting_.empty()) {
            prepared_.push_back(std::move(outcome));
            return;
        }
        waiting_.front()->outcome.emplace(std::move(outcome));
        waiting_.front()->ended.notify();
        waiting_.pop_front();
    }

    TestLoop& loop_;
    std::vector<http::Origin> dialled_;
    std::deque<Dial*> waiting_;
    std::deque<net::DialResult<net::Dialled>> prepared_;
    std::vector<std::unique_ptr<ScriptedPeer>> h1_origins_;
    std::vector<std::unique_ptr<H2Origin>> h2_origins_;
};

}  // namespace nikawa::test
