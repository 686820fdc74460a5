#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

using PoolUpkeepTest = OriginPoolTest;

TEST_F(PoolUpkeepTest, UpkeepKeepsWhatTheRecentPeakNeeds) {
    make(plain_origin);
    warm_up(5);
    loop.advance(4min);
    pool->upkeep();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 5U);
    auto one = pool->try_acquire();  // the peak of now
    one.reset();
    loop.advance(2min);
    pool->upkeep();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 1U);
}

TEST_F(PoolUpkeepTest, LongExchangesAreDemandToo) {
    make(plain_origin);
    for (int i = 0; i < 3; ++i) ask();
    while (dialer.waiting() > 0) dialer.connect_h1();
    for (int i = 0; i < 120; ++i) {
        loop.advance(5s);
        pool->upkeep();
    }
    for (Asking& one : asking) one.release();
    loop.run();
    pool->upkeep();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 3U);
}

TEST_F(PoolUpkeepTest, UpkeepHonoursTheOperatorsLimit) {
    limits.idle.max_idle = 2;
    make(plain_origin);
    warm_up(5);
    auto busy = pool->try_acquire();
    pool->upkeep();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 3U);  // the one in use does not count
}

TEST_F(PoolUpkeepTest, UpkeepRetiresWhatWasIdleLongest) {
    limits.idle.max_idle = 1;
    make(plain_origin);
    auto& one = ask();
    auto& two = ask();
    auto& older = dialer.connect_h1();
    auto& newer = dialer.connect_h1();
    exchange(newer, two.acquired());
    loop.advance(1s);
    exchange(older, one.acquired());  // older, but idle for a shorter time
    newer.expect_end();
    pool->upkeep();
    loop.run();
    EXPECT_TRUE(newer.finished());
    auto acquired = pool->try_acquire();
    ASSERT_TRUE(acquired);
    exchange(older, *acquired);
}

TEST_F(PoolUpkeepTest, UpkeepRetiresWhatOutlivedItsTime) {
    limits.idle.idle_timeout = 60s;
    warm_h1();
    loop.advance(60s - 1ms);
    pool->upkeep();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 1U);
    loop.advance(1ms);
    pool->upkeep();
    loop.run();
    EXPECT_TRUE(pool->is_empty());
}

TEST_F(PoolUpkeepTest, UpkeepLeavesAnHttp2SessionForManyExchanges) {
    warm_h2(100);
    for (int i = 0; i < 50; ++i) ask();
    for (std::size_t i = 1; i < asking.size(); ++i) asking[i].release();
    loop.run();
    pool->upkeep();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 1U);
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

}  // namespace
}  // namespace nikawa::pool
