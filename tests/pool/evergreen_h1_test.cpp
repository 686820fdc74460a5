// What keeps an HTTP/1.1 origin warm: its idle limit, its limit of requests, its peak.

#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

class EvergreenH1Test : public EvergreenPoolTest {
protected:
    // Sessions come as they are asked for, for so long; the time for which the oldest of them was
    // idle, at most.
    Duration idle_at_most(Duration time) {
        Duration longest{};
        TimePoint replaced = loop.now();
        for (const auto end = loop.now() + time; loop.now() < end; loop.advance(10ms)) {
            EXPECT_TRUE(pool->status().idle_sessions > 0);
            if (dialer.waiting() == 0) continue;
            dialer.connect_h1();
            longest = std::max(longest, loop.now() - replaced);
            replaced = loop.now();
        }
        return longest;
    }
};

TEST_F(EvergreenH1Test, LearnsAnIdleLimitFromTwoCloses) {
    auto& second = close_after(warm_h1(), 5s);
    close_after(second, 5s);
    EXPECT_EQ(pool->status().idle_limit, 5s);
    // Of use for 3.85 s, replaced two dials of 210 ms and 100 ms before.
    EXPECT_EQ(idle_at_most(30s), 3850ms - 520ms);
    EXPECT_EQ(dials_for(DialReason::idle_limit), 9U);
    EXPECT_EQ(waits_for(DialReason::idle_limit), 0U);
}

TEST_F(EvergreenH1Test, NeverGivesOutASessionThatTheOriginMayBeClosing) {
    close_after(close_after(warm_h1(), 5s), 5s);
    loop.advance(3850ms - 1ms);  // the replacement's dial takes its time
    EXPECT_EQ(dialer.waiting(), 1U);
    EXPECT_EQ(pool->counts().sessions, 1U);
    loop.advance(1ms);
    EXPECT_EQ(pool->counts().sessions, 0U);
    EXPECT_FALSE(pool->try_acquire(Repeatable::yes).has_value());
    auto& waiter = ask();
    dialer.connect_h1();
    ASSERT_TRUE(waiter.has_stream());
    EXPECT_EQ(waiter.acquired().cold, DialReason::idle_limit);
}

TEST_F(EvergreenH1Test, TheRaceIsNotRunAtAnyGap) {
    auto* origin = &close_after(close_after(warm_h1(), 5s), 5s);
    const auto dial_when_asked = [&] {
        if (dialer.waiting() > 0) origin = &dialer.connect_h1();
    };
    for (auto gap = 4000ms; gap <= 6000ms; gap += 200ms) {
        for (const auto end = loop.now() + gap; loop.now() < end; loop.advance(20ms)) {
            dial_when_asked();
        }
        dial_when_asked();
        auto acquired = take();
        ASSERT_TRUE(acquired.lease);
        EXPECT_EQ(acquired.cold, std::nullopt);
        exchange(*origin, acquired);
    }
}

TEST_F(EvergreenH1Test, BelievesWhatTheFirstResponseSays) {
    make(plain_origin);
    auto& first = ask();
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /").send(
        "HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=5, max=100\r\n\r\n");
    send(first.acquired());
    ASSERT_TRUE(loop.result_of(first.acquired().lease->receive_head()));
    first.release();
    loop.run();
    EXPECT_EQ(pool->status().idle_limit, 5s);
    loop.advance(3850ms - 520ms - 1ms);
    EXPECT_EQ(dialer.waiting(), 0U);
    loop.advance(1ms);
    EXPECT_EQ(dialer.waiting(), 1U);
    origin.expect_end();
    dialer.connect_h1();
    EXPECT_TRUE(origin.finished());
}

TEST_F(EvergreenH1Test, SessionsAreReplacedBeforeTheLimitOfRequests) {
    auto* origin = &warm_h1();
    for (int i = 2; i <= 899; ++i) {
        auto acquired = take();
        exchange(*origin, acquired);
    }
    EXPECT_EQ(dialer.dialled().size(), 1U);
    auto acquired = take();  // the 900th
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    EXPECT_EQ(dials_for(DialReason::worn), 1U);
    exchange(*origin, acquired);
    for (int i = 0; i < 20; ++i) {  // while the dial takes its time
        auto another = take();
        exchange(*origin, another);
    }
    origin->expect_end();
    auto& next = dialer.connect_h1();
    EXPECT_TRUE(origin->finished());
    auto last = take();
    exchange(next, last);
    EXPECT_EQ(pool->status().counters.warm, 920U);
}

TEST_F(EvergreenH1Test, AnOriginThatClosesAfterEachResponseHasANextSessionReady) {
    make(plain_origin);
    auto& first = ask();
    for (int i = 0; i < 5; ++i) {
        auto& origin = dialer.connect_h1();
        auto acquired = i == 0 ? std::move(first.acquired()) : take();
        origin.expect_head("GET /").send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        send(acquired);
        ASSERT_TRUE(loop.result_of(acquired.lease->receive_head()));
        acquired.lease.reset();
        loop.run();
        EXPECT_EQ(dialer.waiting(), 1U) << i;
    }
}

TEST_F(EvergreenH1Test, KeepsReadyWhatTheLastPeakUsed) {
    make(plain_origin);
    warm_up(20);
    EXPECT_EQ(pool->status().recent_peak, 20U);
    EXPECT_EQ(pool->status().idle_sessions, 20U);
    loop.advance(3min);
    EXPECT_EQ(pool->status().idle_sessions, 20U);
    std::vector<Acquired> burst;
    for (int i = 0; i < 20; ++i) burst.push_back(take());
    EXPECT_EQ(dialer.dialled().size(), 20U);
    burst.clear();
    loop.advance(4min);
    EXPECT_EQ(pool->status().idle_sessions, 20U);
    loop.advance(2min);
    EXPECT_EQ(pool->status().idle_sessions, 1U);
    EXPECT_EQ(dialer.dialled().size(), 20U);
}

TEST_F(EvergreenH1Test, ReplacesEachOfThePeak) {
    make(plain_origin);
    for (int i = 0; i < 20; ++i) ask();
    std::vector<test::ScriptedPeer*> origins;
    while (dialer.waiting() > 0) origins.push_back(&dialer.connect_h1());
    for (Asking& one : asking) one.release();
    loop.advance(1min);
    for (int i = 0; i < 7; ++i) origins[static_cast<std::size_t>(i)]->close();
    loop.run();
    EXPECT_EQ(dialer.waiting(), 7U);
    EXPECT_EQ(dials_for(DialReason::origin_closed), 7U);
    while (dialer.waiting() > 0) dialer.connect_h1();
    EXPECT_EQ(pool->status().idle_sessions, 20U);
}

TEST_F(EvergreenH1Test, OneDialFindsOutWhetherAnOriginIsBack) {
    make(plain_origin);
    for (int i = 0; i < 20; ++i) ask();
    std::vector<test::ScriptedPeer*> origins;
    while (dialer.waiting() > 0) origins.push_back(&dialer.connect_h1());
    for (Asking& one : asking) one.release();
    loop.advance(1min);
    for (auto* origin : origins) origin->close();
    loop.run();
    EXPECT_EQ(dialer.waiting(), 20U);
    loop.advance(1ms);
    dialer.fail_waiting();
    loop.advance(200ms);
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.connect_h1();
    EXPECT_EQ(dialer.waiting(), 19U);
}

TEST_F(EvergreenH1Test, ThePeakIsBounded) {
    limits.upkeep.max_warm = 4;
    make(plain_origin);
    for (int i = 0; i < 10; ++i) ask();
    std::vector<test::ScriptedPeer*> origins;
    while (dialer.waiting() > 0) origins.push_back(&dialer.connect_h1());
    for (Asking& one : asking) one.release();
    loop.run();
    EXPECT_EQ(pool->status().idle_sessions, 10U);  // what is there may stay
    loop.advance(10s);
    for (auto* origin : origins) origin->close();
    loop.run();
    EXPECT_EQ(dialer.waiting(), 4U);
}

TEST_F(EvergreenH1Test, AHttps11OriginDialsTheRestOfItsPeakOnceThatIsKnown) {
    make(secure_origin);
    for (int i = 0; i < 8; ++i) ask();
    dialer.connect_h1();
    EXPECT_EQ(dialer.waiting(), 7U);
    while (dialer.waiting() > 0) dialer.connect_h1();
    for (const Asking& one : asking) EXPECT_TRUE(one.has_stream());
    EXPECT_EQ(dialer.dialled().size(), 8U);
}

}  // namespace
}  // namespace nikawa::pool
