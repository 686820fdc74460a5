#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

using PoolUpkeepTest = OriginPoolTest;

TEST_F(PoolUpkeepTest, UpkeepKeepsWhatTheRecentPeakNeeds) {
    make(plain_origin);
    warm_up(5);
    loop.advance(4min);
    EXPECT_EQ(pool->counts().sessions, 5U);
    auto one = pool->try_acquire(Repeatable::no);  // the peak of now
    one.reset();
    loop.advance(2min + 20s);
    EXPECT_EQ(pool->counts().sessions, 1U);
}

TEST_F(PoolUpkeepTest, LongExchangesAreDemandToo) {
    make(plain_origin);
    for (int i = 0; i < 3; ++i) ask();
    while (dialer.waiting() > 0) dialer.connect_h1();
    loop.advance(10min);
    for (Asking& one : asking) one.release();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 3U);
}

TEST_F(PoolUpkeepTest, UpkeepHonoursTheOperatorsLimit) {
    limits.upkeep.max_idle = 2;
    make(plain_origin);
    for (int i = 0; i < 5; ++i) ask();
    while (dialer.waiting() > 0) dialer.connect_h1();
    for (std::size_t i = 1; i < 5; ++i) asking[i].release();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 3U);  // the one in use does not count
}

TEST_F(PoolUpkeepTest, TheOperatorsLimitHoldsAtOnce) {
    limits.upkeep.max_idle = 0;
    make(plain_origin);
    for (int i = 0; i < 3; ++i) {
        auto& one = ask();
        auto& origin = dialer.connect_h1();
        exchange(origin, one.acquired());
        EXPECT_EQ(pool->counts().sessions, 0U);
    }
}

TEST_F(PoolUpkeepTest, UpkeepRetiresWhatWasIdleLongest) {
    limits.upkeep.max_idle = 1;
    make(plain_origin);
    auto& one = ask();
    auto& two = ask();
    auto& older = dialer.connect_h1();
    auto& newer = dialer.connect_h1();
    exchange(newer, two.acquired());
    loop.advance(1s);
    exchange(older, one.acquired());  // older, but idle for a shorter time
    newer.expect_end();
    EXPECT_TRUE(newer.finished());
    auto acquired = pool->try_acquire(Repeatable::no);
    ASSERT_TRUE(acquired);
    exchange(older, *acquired);
}

TEST_F(PoolUpkeepTest, UpkeepRetiresWhatOutlivedItsTime) {
    limits.upkeep.idle_timeout = 60s;
    warm_h1();
    loop.advance(60s - 1ms);
    EXPECT_EQ(pool->counts().sessions, 1U);
    loop.advance(1ms);
    EXPECT_TRUE(pool->is_empty());
}

TEST_F(PoolUpkeepTest, UpkeepLeavesAnHttp2SessionForManyExchanges) {
    warm_h2(100);
    for (int i = 0; i < 50; ++i) ask();
    for (std::size_t i = 1; i < asking.size(); ++i) asking[i].release();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 1U);
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

}  // namespace
}  // namespace nikawa::pool
