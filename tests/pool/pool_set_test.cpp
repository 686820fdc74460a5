#include "nikawa/pool/pool_set.hpp"

#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

class PoolSetTest : public PoolTest {
protected:
    void TearDown() override {
        set.close();
        loop.run();
        EXPECT_EQ(dialer.waiting(), 0U);
    }

    PoolSet set{loop, factory, {}};
};

TEST_F(PoolSetTest, FindsTheSamePoolForEqualOrigins) {
    auto& pool = set.pool_of(secure_origin);
    EXPECT_EQ(&set.pool_of(http::Origin{secure_origin}), &pool);
    EXPECT_EQ(pool.origin(), secure_origin);
    EXPECT_EQ(set.size(), 1U);
    auto same_port = plain_origin;
    same_port.port = secure_origin.port;
    auto other_port = secure_origin;
    other_port.port = 8443;
    EXPECT_NE(&set.pool_of(same_port), &pool);
    EXPECT_NE(&set.pool_of(other_port), &pool);
    EXPECT_EQ(set.size(), 3U);
}

TEST_F(PoolSetTest, DropsAPoolThatHoldsNothing) {
    set.pool_of(secure_origin);
    loop.advance(1min);
    EXPECT_EQ(set.size(), 0U);
    set.pool_of(secure_origin);  // and again, after it had none
    loop.advance(1min);
    EXPECT_EQ(set.size(), 0U);
}

TEST_F(PoolSetTest, KeepsAPoolWithADialAWaiterOrASession) {
    auto& pool = set.pool_of(plain_origin);
    Asking waiter{loop, pool};
    loop.advance(1min);
    EXPECT_EQ(set.size(), 1U);
    waiter.abandon();
    loop.advance(1min);
    EXPECT_EQ(set.size(), 1U);  // for its dial
    auto& origin = dialer.connect_h1();
    loop.advance(1min);
    EXPECT_EQ(&set.pool_of(plain_origin), &pool);
    origin.close();
    loop.advance(1min);
    EXPECT_EQ(set.size(), 0U);
}

TEST_F(PoolSetTest, LooksAfterIdleSessions) {
    auto& pool = set.pool_of(plain_origin);
    {
        Asking one{loop, pool};
        Asking two{loop, pool};
        dialer.connect_h1();
        dialer.connect_h1();
    }
    loop.run();
    EXPECT_EQ(pool.counts().sessions, 2U);
    loop.advance(6min);
    EXPECT_EQ(pool.counts().sessions, 1U);
}

TEST_F(PoolSetTest, AfterItsCloseItGivesOutNothing) {
    auto& pool = set.pool_of(plain_origin);
    Asking waiter{loop, pool};
    set.close();
    loop.run();
    ASSERT_TRUE(waiter.is_over());
    EXPECT_EQ(waiter.failure().code, Errc::pool_closed);
    const Asking late{loop, set.pool_of(secure_origin)};
    ASSERT_TRUE(late.is_over());
    EXPECT_EQ(late.failure().code, Errc::pool_closed);
    dialer.fail_waiting();
    EXPECT_TRUE(pool.is_empty());
}

}  // namespace
}  // namespace nikawa::pool
