#include "nikawa/pool/pool_set.hpp"

#include <optional>
#include <vector>

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

    PoolSet set{loop, factory, limits};
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

TEST_F(PoolSetTest, RemembersAnOriginForAWhileAfterItsLastSession) {
    auto& pool = set.pool_of(plain_origin);
    {
        const Asking one{loop, pool};
        dialer.connect_h1().close();
    }
    loop.advance(59min);
    EXPECT_TRUE(pool.is_empty());
    EXPECT_EQ(set.size(), 1U);  // what was learned may be of use
    ASSERT_EQ(set.remember().size(), 1U);
    EXPECT_EQ(set.remember()[0].protocol, net::Protocol::http_1_1);
    loop.advance(2min);
    EXPECT_EQ(set.size(), 0U);
}

TEST_F(PoolSetTest, TellsOfEachOriginAndRemembersThoseThatWereUsed) {
    set.pin(secure_origin);
    loop.run();
    EXPECT_TRUE(set.is_warming());
    dialer.connect_h2();
    EXPECT_FALSE(set.is_warming());
    EXPECT_TRUE(set.remember().empty());
    ASSERT_EQ(set.status().size(), 1U);
    EXPECT_EQ(set.status()[0].idle_sessions, 1U);
}

class WarmPoolSetTest : public PoolTest {
protected:
    net::DescriptorReserve reserve{8};  // where a test says so

    WarmPoolSetTest() { limits.keep_warm = 1h; }
    void TearDown() override {
        set->close();
        dialer.fail_waiting();
        loop.run();
    }

    // An origin that was used just now.
    static RememberedOrigin numbered(std::size_t number) {
        const auto port = static_cast<std::uint16_t>(number + 1);
        return {.origin = {http::Scheme::http, "api.example.com", port},
                .protocol = net::Protocol::http_1_1,
                .requires_http_1_1 = false,
                .round_trip = {},
                .idle_limit = {},
                .peak = 1,
                .unused_for = std::chrono::seconds{number}};
    }

    std::optional<PoolSet> set;
};

TEST_F(WarmPoolSetTest, TheOriginsUsedLastAreKeptWarmAndTheOperators) {
    limits.max_warm_origins = 100;
    set.emplace(loop, factory, limits);
    set->pin(numbered(0).origin);
    std::vector<RememberedOrigin> remembered;
    for (std::size_t i = 1; i <= limits.max_warm_origins + 5; ++i) {
        remembered.push_back(numbered(i));
    }
    set->restore(remembered);
    loop.run();
    while (dialer.waiting() > 0) dialer.connect_h1();
    loop.advance(10s);
    EXPECT_TRUE(set->pool_of(numbered(0).origin).is_warm());
    EXPECT_TRUE(set->pool_of(numbered(limits.max_warm_origins).origin).is_warm());
    for (std::size_t i = 1; i <= 5; ++i) {
        const auto one = numbered(limits.max_warm_origins + i).origin;
        EXPECT_FALSE(set->pool_of(one).is_warm()) << i;
    }
}

TEST_F(WarmPoolSetTest, RemembersForItsNextLifeThatAnOriginWantsHttp11) {
    set.emplace(loop, factory, limits);
    set->pin(secure_origin);
    auto& refusing = dialer.connect_h2();
    set->require_http_1_1(secure_origin);
    refusing.close();
    {
        Asking one{loop, set->pool_of(secure_origin)};
        auto& origin = dialer.connect_h1();
        exchange(origin, one.acquired());
    }
    loop.run();
    const auto remembered = set->remember();
    ASSERT_EQ(remembered.size(), 1U);
    EXPECT_TRUE(remembered[0].requires_http_1_1);
    EXPECT_EQ(remembered[0].protocol, net::Protocol::http_1_1);
    EXPECT_EQ(remembered[0].unused_for, Duration::zero());

    set->close();
    loop.run();
    PoolSet next{loop, factory, limits};
    next.restore(remembered);
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    EXPECT_EQ(dialer.last_mode, net::DialMode::http_1_1);
    dialer.connect_h1();
    EXPECT_EQ(next.pool_of(secure_origin).counts().sessions, 1U);
    EXPECT_EQ(next.remember().size(), 1U);
    next.close();
    loop.run();
}

TEST_F(WarmPoolSetTest, WhatNobodyWaitsForLeavesTheLastDescriptors) {
    limits.descriptors = &reserve;
    set.emplace(loop, factory, limits);
    std::vector<RememberedOrigin> remembered;
    for (std::size_t i = 0; i < 10; ++i) remembered.push_back(numbered(i));
    set->restore(remembered);
    set->pin(secure_origin);
    loop.run();
    EXPECT_EQ(dialer.waiting(), 7U);
    const Asking waiter{loop, set->pool_of(plain_origin)};
    EXPECT_EQ(dialer.waiting(), 8U);  // for somebody the last ones are there
    loop.advance(10s);
    EXPECT_EQ(dialer.waiting(), 8U);
    while (dialer.waiting() > 0) dialer.connect_h1();
    loop.advance(1s);
    EXPECT_EQ(dialer.waiting(), 4U);  // those that had to wait
}

TEST_F(PoolSetTest, HasAPoolOfItsOwnForUpgradesWhereOneIsNeeded) {
    EXPECT_EQ(&set.pool_for_upgrade(plain_origin), &set.pool_of(plain_origin));
    auto& own = set.pool_for_upgrade(secure_origin);  // nobody knows what it speaks
    auto& common = set.pool_of(secure_origin);
    EXPECT_NE(&own, &common);
    EXPECT_EQ(&set.pool_for_upgrade(secure_origin), &own);
    EXPECT_EQ(&set.pool_of(secure_origin, SessionKind::http_1_1), &own);

    Asking waiter{loop, common};
    dialer.connect_h2();
    EXPECT_EQ(dialer.last_mode, net::DialMode::plain);
    EXPECT_EQ(&set.pool_for_upgrade(secure_origin), &own);
    Asking upgrade{loop, own};
    Asking another{loop, own};
    EXPECT_EQ(dialer.last_mode, net::DialMode::http_1_1);
    EXPECT_EQ(dialer.waiting(), 2U);  // each needs one
    auto& origin = dialer.connect_h1();
    dialer.connect_h1();
    exchange(origin, upgrade.acquired());
    ASSERT_EQ(set.remember().size(), 1U);
    EXPECT_EQ(set.remember().front().protocol, net::Protocol::http_2);
    waiter.release();
    another.release();
}

TEST_F(PoolSetTest, UpgradesShareThePoolOfAnOriginOfHttp11) {
    Asking waiter{loop, set.pool_of(secure_origin)};
    auto& origin = dialer.connect_h1();
    exchange(origin, waiter.acquired());
    EXPECT_EQ(&set.pool_for_upgrade(secure_origin), &set.pool_of(secure_origin));
}

TEST_F(PoolSetTest, AnOriginThatWantsHttp11GetsItForAllRequests) {
    set.require_http_1_1(secure_origin);  // of one that is not known any more
    auto& first = set.pool_of(secure_origin);
    EXPECT_NE(&first, &set.pool_of(secure_origin, SessionKind::http_1_1));
    set.require_http_1_1(secure_origin);
    auto& pool = set.pool_of(secure_origin);
    EXPECT_EQ(&pool, &set.pool_of(secure_origin, SessionKind::http_1_1));
    EXPECT_EQ(&set.pool_for_upgrade(secure_origin), &pool);
}

TEST_F(PoolSetTest, KeepsThePoolWarmThatServesAnOriginThatWantsHttp11) {
    set.pin(secure_origin);
    auto& first = set.pool_of(secure_origin);
    dialer.connect_h2();
    ASSERT_TRUE(first.is_warm());
    set.require_http_1_1(secure_origin);
    EXPECT_FALSE(first.is_warm());
    loop.advance(5s);
    EXPECT_EQ(dialer.waiting(), 1U);
    EXPECT_EQ(dialer.last_mode, net::DialMode::http_1_1);
    dialer.connect_h1();
    loop.advance(2h);
    EXPECT_TRUE(set.pool_of(secure_origin).is_warm()) << "and it is remembered why";
    EXPECT_NE(&set.pool_of(secure_origin), &first);
    EXPECT_EQ(dialer.last_mode, net::DialMode::http_1_1);
    while (dialer.waiting() > 0) dialer.connect_h1();
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
