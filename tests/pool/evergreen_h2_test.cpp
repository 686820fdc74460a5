// What keeps an HTTP/2 origin warm: signs of life, GOAWAY, bursts over several sessions.

#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

using EvergreenH2Test = EvergreenPoolTest;

TEST_F(EvergreenH2Test, ReplacesASessionThatIsToldToGoWhileIdle) {
    auto& origin = warm_h2(100);
    loop.advance(75s);
    origin.go_away(1);  // as nginx does with one that was idle
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    EXPECT_EQ(dials_for(DialReason::origin_closed), 1U);
    auto& next = dialer.connect_h2();
    auto acquired = take();
    exchange(next, acquired);
}

TEST_F(EvergreenH2Test, ReplacesASessionThatIsToldToGoWhileItServes) {
    auto& origin = warm_h2(100);
    auto held = take();
    send(held);
    origin.go_away(3);
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    EXPECT_EQ(dials_for(DialReason::origin_closed), 1U);
    auto& next = dialer.connect_h2();
    auto acquired = take();
    exchange(next, acquired);
    origin.reply(3, "204", "");
    loop.run();
    EXPECT_TRUE(loop.result_of(held.lease->receive_head()));
}

TEST_F(EvergreenH2Test, LearnsTheIdleLimitFromGoaways) {
    auto& first = warm_h2(100);
    loop.advance(75s);
    first.go_away(1);
    loop.run();
    auto& second = dialer.connect_h2();
    loop.advance(75s);
    second.go_away(0);
    loop.run();
    EXPECT_EQ(pool->status().idle_limit, 75s);
    dialer.connect_h2();
    loop.advance(73850ms - 520ms);
    EXPECT_EQ(dials_for(DialReason::idle_limit), 1U);
}

TEST_F(EvergreenH2Test, ReplacesASessionBeforeItsLimitOfRequestsIsReached) {
    auto& origin = warm_h2(100);
    for (int i = 2; i <= 899; ++i) {
        auto acquired = take();
        exchange(origin, acquired);
    }
    EXPECT_EQ(dialer.dialled().size(), 1U);
    std::vector<Acquired> burst;
    for (int i = 0; i < 20; ++i) burst.push_back(take());  // over the 900th
    for (auto& one : burst) send(one);
    loop.advance(100ms);  // they need not leave each for itself
    EXPECT_GE(dialer.waiting(), 1U);
    EXPECT_EQ(dials_for(DialReason::worn), dialer.waiting());
    while (dialer.waiting() > 0) dialer.connect_h2();
    EXPECT_FALSE(origin.is_ended());  // it has streams
    for (const auto& [id, request] : origin.requests()) {
        if (id > 2 * 899) origin.reply(id, "204", "");
    }
    loop.run();
    for (auto& one : burst) EXPECT_TRUE(loop.result_of(one.lease->receive_head()));
    burst.clear();
    loop.run();
    EXPECT_TRUE(origin.is_ended());
    auto next = take();
    EXPECT_EQ(pool->status().counters.warm, 899U - 1 + 20 + 1);
}

TEST_F(EvergreenH2Test, IdleSessionsProveThemselvesAlive) {
    auto& origin = warm_h2(100);
    loop.advance(15s - 1ms);
    EXPECT_EQ(origin.pings(), 0U);
    loop.advance(1ms);
    EXPECT_EQ(origin.pings(), 1U);
    loop.advance(15s);
    EXPECT_EQ(origin.pings(), 2U);
    loop.advance(5s);
    auto acquired = take();
    exchange(origin, acquired);  // a sign of life as good as any
    loop.advance(15s - 1ms);
    EXPECT_EQ(origin.pings(), 2U);
    loop.advance(1ms);
    EXPECT_EQ(origin.pings(), 3U);
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(EvergreenH2Test, PingsAreRarerWhenTheOriginWantsThatSo) {
    auto& origin = warm_h2(100);
    loop.advance(15s);
    origin.enhance_your_calm();
    loop.run();
    auto& next = dialer.connect_h2();
    loop.advance(30s - 1ms);
    EXPECT_EQ(next.pings(), 0U);
    loop.advance(1ms);
    EXPECT_EQ(next.pings(), 1U);
}

TEST_F(EvergreenH2Test, ABurstOpensSessionsAndTheNextIsSpreadOverThem) {
    dialer.times.connect = 100ms;  // an origin nearby would have one
    auto& first = warm_h2(100);
    std::vector<Acquired> burst;
    for (int i = 0; i < 20; ++i) burst.push_back(take());
    loop.run();
    EXPECT_EQ(dialer.waiting(), 6U);
    EXPECT_EQ(dials_for(DialReason::peak_exceeded), 6U);
    std::vector<test::H2Origin*> origins{&first};
    while (dialer.waiting() > 0) origins.push_back(&dialer.connect_h2());
    burst.clear();
    loop.advance(1min);
    const auto before = first.requests().size();
    for (int i = 0; i < 20; ++i) {
        burst.push_back(take());
        send(burst.back());
    }
    EXPECT_LE(first.requests().size() - before, 3U);
    for (std::size_t i = 1; i < 7; ++i) EXPECT_LE(origins[i]->requests().size(), 3U) << i;
    EXPECT_EQ(dialer.dialled().size(), 7U);
}

TEST_F(EvergreenH2Test, SessionsOfABurstAreLetGoWhenItIsForgotten) {
    dialer.times.connect = 100ms;
    warm_h2(100);
    std::vector<Acquired> burst;
    for (int i = 0; i < 20; ++i) burst.push_back(take());
    loop.run();
    while (dialer.waiting() > 0) dialer.connect_h2();
    burst.clear();
    loop.advance(4min);
    EXPECT_EQ(pool->counts().sessions, 7U);
    loop.advance(2min);
    EXPECT_EQ(pool->counts().sessions, 1U);
}

TEST_F(EvergreenH2Test, ASecondSessionOpensBeforeTheStreamLimit) {
    warm_h2(5);
    std::vector<Acquired> running;
    for (int i = 0; i < 3; ++i) running.push_back(take());
    loop.run();
    EXPECT_EQ(dialer.waiting(), 0U);
    running.push_back(take());
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.connect_h2({.max_streams = 5});
    for (int i = 0; i < 6; ++i) running.push_back(take());  // nobody waits
    EXPECT_EQ(pool->status().streams, 10U);
}

TEST_F(EvergreenH2Test, WhoIsLetGoIsNotGivenOutInTheSameTurn) {
    warm_h2(100);
    pool->let_go();
    EXPECT_FALSE(pool->try_acquire(Repeatable::no).has_value());
    EXPECT_FALSE(pool->is_warm());
    loop.run();
    EXPECT_TRUE(pool->is_empty());
}

}  // namespace
}  // namespace nikawa::pool
