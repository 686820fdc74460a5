#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "nikawa/pool/origin_pool.hpp"
#include "support/origin_exchange.hpp"
#include "support/scripted_dialer.hpp"
#include "support/test_loop.hpp"

namespace nikawa::pool {

inline constexpr std::string_view no_content = "HTTP/1.1 204 No Content\r\n\r\n";

inline const http::Origin secure_origin{http::Scheme::https, "api.example.com", 443};
inline const http::Origin plain_origin{http::Scheme::http, "api.example.com", 80};

/// An exchange that asks a pool for a stream.
class Asking {
public:
    Asking(test::TestLoop& loop,
           OriginPool& pool,
           Deadline deadline = Deadline::none(),
           Repeatable repeatable = Repeatable::no)
        : waiter_(std::in_place, loop.loop(), repeatable),
          outcome_(loop.start(pool.acquire(*waiter_, deadline))) {}

    [[nodiscard]] bool is_over() const { return outcome_.done(); }
    [[nodiscard]] bool has_stream() const { return is_over() && outcome_.value().has_value(); }
    [[nodiscard]] Acquired& acquired() const { return *outcome_.value(); }
    [[nodiscard]] Failure failure() const { return outcome_.value().error(); }
    [[nodiscard]] std::optional<net::Endpoint> failed_at() const { return waiter_->failed_at(); }

    void abandon() { waiter_->abandon({Errc::client_gone, Side::client}); }
    void release() { acquired().lease.reset(); }

private:
    std::optional<Waiter> waiter_;
    test::Started<Result<Acquired>> outcome_;
};

/// What a pool needs around it. A test ends with its streams; the rest ends here.
class PoolTest : public testing::Test {
protected:
    /// A whole exchange on a stream to a scripted HTTP/1.1 origin, which is released.
    void exchange(test::ScriptedPeer& origin, Acquired& acquired) {
        origin.expect_head("GET /").send(no_content);
        ASSERT_TRUE(acquired.lease->send_head(test::request("GET", "/"), http::NoBody{}));
        loop.run();
        const auto head = loop.result_of(acquired.lease->receive_head());
        ASSERT_TRUE(head);
        acquired.lease.reset();
        loop.run();
    }

    /// A request on a stream to an HTTP/2 origin.
    void send(Acquired& acquired) {
        ASSERT_TRUE(acquired.lease->send_head(test::request("GET", "/"), http::NoBody{}));
        loop.run();
    }

    /// A whole exchange with an HTTP/2 origin.
    void exchange(test::H2Origin& origin, Acquired& acquired) {
        send(acquired);
        origin.reply(origin.requests().rbegin()->first, "204", "");
        loop.run();
        acquired.lease.reset();
        loop.run();
    }

    test::TestLoop loop;
    test::ScriptedDialer dialer{loop};
    origin::SessionFactory factory{loop, dialer, {}};
    PoolLimits limits{.keep_warm = Duration::zero()};  // tests of keeping warm say so
};

/// One pool in that.
class OriginPoolTest : public PoolTest {
protected:
    OriginPool& make(const http::Origin& origin) {
        pool.emplace(loop, origin, factory, limits);
        return *pool;
    }

    // An exchange that waits, in the order of these calls.
    Asking& ask(Deadline deadline = Deadline::none()) {
        return asking.emplace_back(loop, *pool, deadline);
    }

    // An exchange that finds a warm session.
    Acquired take(Repeatable repeatable = Repeatable::no) {
        auto acquired = pool->try_acquire(repeatable);
        EXPECT_TRUE(acquired) << "no session is warm";
        return acquired ? std::move(*acquired) : Acquired{};
    }

    // A pool whose origin is known to speak HTTP/1.1, with one idle session.
    test::ScriptedPeer& warm_h1() {
        make(plain_origin);
        auto& first = ask();
        auto& origin = dialer.connect_h1();
        exchange(origin, first.acquired());
        return origin;
    }

    // A pool with one idle HTTP/2 session whose limit is known.
    test::H2Origin& warm_h2(std::uint32_t max_streams) {
        make(secure_origin);
        auto& first = ask();
        auto& origin = dialer.connect_h2({.max_streams = max_streams});
        send(first.acquired());
        origin.reply(1, "204", "");
        loop.run();
        first.release();
        loop.run();
        return origin;
    }

    // `count` idle HTTP/1.1 sessions.
    void warm_up(std::size_t count) {
        std::vector<Asking*> burst;
        for (std::size_t i = 0; i < count; ++i) burst.push_back(&ask());
        while (dialer.waiting() > 0) dialer.connect_h1();
        for (Asking* one : burst) {
            ASSERT_TRUE(one->has_stream());
            one->release();
        }
        loop.run();
    }

    void TearDown() override {
        if (!pool) return;
        pool->close();
        dialer.fail_waiting();
        loop.run();  // who waited hears of it while its waiter is there
        asking.clear();
        loop.advance(std::chrono::seconds{1});  // sessions may hold small writes back
        EXPECT_TRUE(pool->is_empty());
        pool.reset();
    }

    std::optional<OriginPool> pool;
    std::deque<Asking> asking;
};

/// A pool that is kept warm.
class EvergreenPoolTest : public OriginPoolTest {
protected:
    EvergreenPoolTest() {
        limits.keep_warm = std::chrono::hours{1};
        using std::chrono::milliseconds;
        dialer.times = {milliseconds{10}, milliseconds{100}, milliseconds{100}};
    }

    [[nodiscard]] std::uint64_t dials_for(DialReason reason) const {
        return pool->status().counters.dials[static_cast<std::size_t>(reason)];
    }
    [[nodiscard]] std::uint64_t waits_for(DialReason reason) const {
        return pool->status().counters.waited[static_cast<std::size_t>(reason)];
    }

    // Lets an idle session of the pool be `idle` old and closes it; its replacement is there.
    test::ScriptedPeer& close_after(test::ScriptedPeer& origin, Duration idle) {
        loop.advance(idle);
        origin.close();
        loop.run();
        EXPECT_EQ(dialer.waiting(), 1U);
        return dialer.connect_h1();
    }
};

}  // namespace nikawa::pool
