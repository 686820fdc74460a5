// What keeps an origin warm, whatever it speaks.

#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

using EvergreenTest = EvergreenPoolTest;

TEST_F(EvergreenTest, ReplacesAtOnceWhatTheOriginClosed) {
    auto& origin = warm_h1();
    EXPECT_EQ(dialer.dialled().size(), 1U);
    loop.advance(10s);
    origin.close();
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    EXPECT_EQ(dials_for(DialReason::origin_closed), 1U);
    auto& next = dialer.connect_h1();
    auto acquired = take();
    EXPECT_FALSE(acquired.reused);
    EXPECT_EQ(acquired.cold, std::nullopt);
    exchange(next, acquired);
}

TEST_F(EvergreenTest, AnExchangeThatComesBeforeTheReplacementSaysWhyItWaited) {
    auto& origin = warm_h1();
    loop.advance(10s);
    origin.close();
    loop.run();
    auto& waiter = ask();
    EXPECT_EQ(dialer.waiting(), 1U);  // it shares the dial under way
    dialer.connect_h1();
    ASSERT_TRUE(waiter.has_stream());
    EXPECT_EQ(waiter.acquired().cold, DialReason::origin_closed);
    EXPECT_EQ(waits_for(DialReason::origin_closed), 1U);
}

TEST_F(EvergreenTest, ASessionThatBreaksUnderAnExchangeIsReplacedToo) {
    auto& origin = warm_h1();
    auto acquired = take();
    origin.expect_head("GET /").reset();
    send(acquired);
    EXPECT_FALSE(loop.result_of(acquired.lease->receive_head()));
    EXPECT_EQ(dialer.waiting(), 1U);  // although its stream is still held
    EXPECT_EQ(dials_for(DialReason::broken), 1U);
    dialer.connect_h1();
    EXPECT_TRUE(pool->try_acquire(Repeatable::no).has_value());
}

TEST_F(EvergreenTest, KeepsWarmForATimeAfterTheLastExchange) {
    limits.keep_warm = 10min;
    limits.upkeep.idle_timeout = 20min;
    auto& origin = warm_h1();
    EXPECT_TRUE(pool->is_warm());
    auto& last = close_after(origin, 10min - 1s);
    loop.advance(1s);
    EXPECT_FALSE(pool->is_warm());
    EXPECT_EQ(pool->counts().sessions, 1U);  // it serves as long as it lasts
    last.expect_end();
    loop.advance(20min - 1s);
    EXPECT_TRUE(last.finished());
    EXPECT_TRUE(pool->is_empty());
    EXPECT_EQ(dialer.dialled().size(), 2U);
    ask();
    dialer.connect_h1();
    EXPECT_EQ(asking.back().acquired().cold, DialReason::let_go);
}

TEST_F(EvergreenTest, IsNotKeptWarmWhenThatIsTurnedOff) {
    limits.keep_warm = 0s;
    auto& origin = warm_h1();
    EXPECT_FALSE(pool->is_warm());
    origin.close();
    loop.advance(1h);
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(EvergreenTest, APinnedOriginIsKeptWarmForEver) {
    limits.keep_warm = 0s;
    make(plain_origin).pin();
    loop.run();
    EXPECT_TRUE(pool->is_warming());
    EXPECT_EQ(dials_for(DialReason::at_start), 1U);
    auto& origin = dialer.connect_h1();
    EXPECT_FALSE(pool->is_warming());
    EXPECT_TRUE(pool->is_warm());
    close_after(origin, 3min);
    loop.advance(50min);
    pool->let_go();  // does not concern it
    EXPECT_TRUE(pool->is_warm());
    auto acquired = take();
    EXPECT_FALSE(acquired.reused);
}

TEST_F(EvergreenTest, APinnedOriginThatIsDownAtFirstIsDialledAgain) {
    make(plain_origin).pin();
    loop.run();
    dialer.fail({Errc::connect_failed, Side::origin});
    EXPECT_FALSE(pool->is_warming());
    EXPECT_EQ(dialer.waiting(), 0U);
    loop.advance(1s);
    EXPECT_EQ(dialer.waiting(), 1U);
    EXPECT_EQ(dials_for(DialReason::dial_failed), 1U);
}

TEST_F(EvergreenTest, DialsInVainAreRarerAndRarer) {
    auto& origin = warm_h1();
    loop.advance(10s);
    origin.close();
    loop.run();
    const auto dials_in = [this](Duration time) {
        const auto before = dialer.dialled().size();
        for (const auto end = loop.now() + time; loop.now() < end; loop.advance(100ms)) {
            if (dialer.waiting() > 0) dialer.fail({Errc::connect_failed, Side::origin});
        }
        return dialer.dialled().size() - before;
    };
    EXPECT_GE(dials_in(2s), 5U);  // it may just be restarting
    dials_in(58s);
    EXPECT_LE(dials_in(1min), 12U);  // every eighth part of the time
    dials_in(30min);
    EXPECT_LE(dials_in(10min), 10U);
    EXPECT_GE(dials_in(10min), 9U);
    const auto before = dialer.dialled().size();
    auto& waiter = ask();  // does not wait for that
    EXPECT_EQ(dialer.dialled().size(), before + 1);
    EXPECT_EQ(waiter.is_over(), false);
    dialer.connect_h1();
    EXPECT_TRUE(waiter.has_stream());
    EXPECT_EQ(waiter.acquired().cold, DialReason::dial_failed);
}

TEST_F(EvergreenTest, AnExchangeWaitsALittleForAnOriginThatRestarts) {
    auto& origin = warm_h1();
    loop.advance(10s);
    origin.close();
    loop.run();
    auto& waiter = ask();
    dialer.fail({Errc::connect_failed, Side::origin});
    EXPECT_FALSE(waiter.is_over());
    EXPECT_EQ(dialer.waiting(), 0U);
    loop.advance(200ms);
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.connect_h1();
    EXPECT_TRUE(waiter.has_stream());
}

TEST_F(EvergreenTest, ButNotForOneThatStaysDown) {
    auto& origin = warm_h1();
    loop.advance(10s);
    origin.close();
    loop.run();
    auto& waiter = ask();
    for (int i = 0; i < 40 && !waiter.is_over(); ++i) {
        if (dialer.waiting() > 0) dialer.fail({Errc::connect_failed, Side::origin});
        if (!waiter.is_over()) loop.advance(100ms);
    }
    ASSERT_TRUE(waiter.is_over());
    EXPECT_EQ(waiter.failure().code, Errc::connect_failed);
}

TEST_F(EvergreenTest, AnOriginThatWasNeverReachedFailsAtOnce) {
    make(plain_origin);
    auto& waiter = ask();
    dialer.fail({Errc::connect_failed, Side::origin});
    EXPECT_TRUE(waiter.is_over());
    loop.advance(1h);
    EXPECT_EQ(dialer.dialled().size(), 1U);
    EXPECT_TRUE(pool->is_empty());
}

TEST_F(EvergreenTest, AnOriginThatClosesEachFreshSessionIsNotDialledInALoop) {
    auto* origin = &warm_h1();
    loop.advance(10s);
    for (int i = 0; i < 3000; ++i) {
        origin->close();
        loop.run();
        if (dialer.waiting() == 0) loop.advance(100ms);
        if (dialer.waiting() > 0) origin = &dialer.connect_h1();
    }
    EXPECT_GT(dialer.dialled().size(), 10U);
    EXPECT_LT(dialer.dialled().size(), 60U);  // in five minutes
}

TEST_F(EvergreenTest, AnHttp2OriginThatSaysGoawayToEachFreshSessionIsNotDialledInALoop) {
    auto& first = warm_h2(100);
    loop.advance(10s);
    first.go_away(1);
    loop.run();
    for (int i = 0; i < 3000; ++i) {
        if (dialer.waiting() > 0) dialer.connect_h2().go_away(0);
        loop.advance(100ms);
    }
    EXPECT_GT(dialer.dialled().size(), 10U);
    EXPECT_LT(dialer.dialled().size(), 60U);
}

TEST_F(EvergreenTest, ADialThatSucceedsAfterSomeThatFailedStartsAnew) {
    auto* origin = &warm_h1();
    loop.advance(10s);
    origin->close();
    loop.run();
    for (int i = 0; i < 600; ++i) {
        if (dialer.waiting() > 0) dialer.fail({Errc::connect_failed, Side::origin});
        loop.advance(100ms);
    }
    loop.advance(1min);
    ASSERT_EQ(dialer.waiting(), 1U);
    origin = &dialer.connect_h1();
    loop.advance(10min);
    origin->close();
    loop.run();
    dialer.fail({Errc::connect_failed, Side::origin});
    loop.advance(200ms);  // not a minute
    EXPECT_EQ(dialer.waiting(), 1U);
}

TEST_F(EvergreenTest, AnAddressThatLeftDnsIsReplacedFirst) {
    const auto old_address = *net::IpAddress::parse("192.0.2.1");
    dialer.address = old_address;
    auto& old = warm_h1();
    auto held = take();
    old.expect_head("GET /");
    send(held);
    dialer.address = *net::IpAddress::parse("192.0.2.2");
    dialer.left.push_back(old_address);
    auto& waiter = ask();             // makes the pool look
    EXPECT_EQ(dialer.waiting(), 2U);  // one for it, and one instead of the old one
    auto& next = dialer.connect_h1();
    dialer.connect_h1();
    ASSERT_TRUE(waiter.has_stream());
    loop.advance(1s);
    EXPECT_FALSE(old.stream().is_closed());  // its exchange is left to finish
    old.send(no_content).expect_end();
    ASSERT_TRUE(loop.result_of(held.lease->receive_head()));
    held.lease.reset();
    loop.run();
    EXPECT_TRUE(old.finished());
    exchange(next, waiter.acquired());
    EXPECT_EQ(pool->counts().sessions, 2U);
}

TEST_F(EvergreenTest, AnIdleSessionToAnAddressThatLeftServesUntilItsReplacementIsThere) {
    const auto old_address = *net::IpAddress::parse("192.0.2.1");
    dialer.address = old_address;
    auto& old = warm_h2(100);
    dialer.address = *net::IpAddress::parse("192.0.2.2");
    dialer.left.push_back(old_address);
    loop.advance(15s);  // at the latest when it is asked for a sign of life
    EXPECT_EQ(dialer.waiting(), 1U);
    EXPECT_EQ(dials_for(DialReason::address_left), 1U);
    auto acquired = take();
    exchange(old, acquired);
    EXPECT_FALSE(old.was_told_goaway());
    auto& next = dialer.connect_h2();
    EXPECT_TRUE(old.was_told_goaway());
    auto other = take();
    exchange(next, other);
}

}  // namespace
}  // namespace nikawa::pool
