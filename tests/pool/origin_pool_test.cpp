#include "nikawa/pool/origin_pool.hpp"

#include <vector>

#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

// Bursts

TEST_F(OriginPoolTest, AColdHttp2BurstSharesOneDial) {
    make(secure_origin);
    dialer.times = {.resolve = 1ms, .connect = 2ms, .tls = 3ms};
    for (int i = 0; i < 50; ++i) ask();
    EXPECT_EQ(dialer.dialled(), std::vector{secure_origin});
    dialer.connect_h2();
    for (const Asking& one : asking) {
        ASSERT_TRUE(one.has_stream());
        EXPECT_FALSE(one.acquired().reused);  // all of them waited for this dial
        EXPECT_EQ(one.acquired().dialled.tls, 3ms);
        EXPECT_EQ(one.acquired().protocol, net::Protocol::http_2);
        EXPECT_EQ(one.acquired().address, "192.0.2.1:443");
    }
    EXPECT_EQ(dialer.dialled().size(), 1U);
    EXPECT_EQ(pool->counts().sessions, 1U);
}

TEST_F(OriginPoolTest, AColdPlainBurstDialsForEachWaiter) {
    make(plain_origin);
    for (int i = 0; i < 3; ++i) ask();
    EXPECT_EQ(dialer.waiting(), 3U);
    for (int i = 0; i < 3; ++i) dialer.connect_h1();
    for (const Asking& one : asking) {
        ASSERT_TRUE(one.has_stream());
        EXPECT_EQ(one.acquired().protocol, net::Protocol::http_1_1);
        EXPECT_FALSE(one.acquired().reused);
    }
    EXPECT_EQ(dialer.dialled().size(), 3U);
}

TEST_F(OriginPoolTest, ABurstThatMeetsHttp11DialsForTheRestOnceThatIsKnown) {
    make(secure_origin);
    for (int i = 0; i < 4; ++i) ask();
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.connect_h1();
    EXPECT_TRUE(asking[0].has_stream());
    EXPECT_EQ(dialer.waiting(), 3U);
    for (int i = 0; i < 3; ++i) dialer.connect_h1();
    for (const Asking& one : asking) EXPECT_TRUE(one.has_stream());
    EXPECT_EQ(dialer.dialled().size(), 4U);
}

TEST_F(OriginPoolTest, ASecondSessionOpensWhenStreamsRunOut) {
    auto& first = warm_h2(2);
    for (int i = 0; i < 5; ++i) ask();
    EXPECT_TRUE(asking[1].has_stream());
    EXPECT_TRUE(asking[2].has_stream());
    EXPECT_FALSE(asking[3].is_over());
    EXPECT_EQ(dialer.waiting(), 2U);  // three wait, two to a session
    dialer.connect_h2({.max_streams = 2});
    EXPECT_TRUE(asking[3].has_stream());
    EXPECT_TRUE(asking[4].has_stream());
    EXPECT_EQ(pool->counts().sessions, 2U);
    EXPECT_FALSE(first.is_ended());
}

// Who is served, and by what

TEST_F(OriginPoolTest, WaitersAreServedInOrderByWhateverFreesFirst) {
    auto& origin = warm_h1();
    auto& holder = ask();
    ASSERT_TRUE(holder.has_stream());
    auto& first = ask();
    auto& second = ask();
    auto& third = ask();
    EXPECT_EQ(dialer.waiting(), 3U);
    exchange(origin, holder.acquired());  // freed before any dial is done
    ASSERT_TRUE(first.has_stream());
    EXPECT_TRUE(first.acquired().reused);
    EXPECT_EQ(first.acquired().dialled.tls, 0ms);
    EXPECT_FALSE(second.is_over());
    dialer.connect_h1();
    ASSERT_TRUE(second.has_stream());
    EXPECT_FALSE(second.acquired().reused);
    exchange(origin, first.acquired());
    EXPECT_TRUE(third.has_stream());
    dialer.connect_h1();  // for the next
    EXPECT_TRUE(pool->try_acquire(Repeatable::no).has_value());
}

TEST_F(OriginPoolTest, NobodyOvertakesWhoWaits) {
    auto& origin = warm_h2(1);
    auto& holder = ask();
    send(holder.acquired());
    auto& waiter = ask();
    EXPECT_FALSE(pool->try_acquire(Repeatable::no).has_value());
    origin.reply(3, "204", "");
    loop.run();
    EXPECT_TRUE(waiter.has_stream());
    EXPECT_FALSE(pool->try_acquire(Repeatable::no).has_value());
}

TEST_F(OriginPoolTest, AWarmSessionServesAtOnce) {
    auto& origin = warm_h1();
    for (int i = 0; i < 3; ++i) {
        auto acquired = pool->try_acquire(Repeatable::no);
        ASSERT_TRUE(acquired);
        EXPECT_TRUE(acquired->reused);
        exchange(origin, *acquired);
    }
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(OriginPoolTest, TheNewestIdleGoesFirst) {
    make(plain_origin);
    auto& one = ask();
    auto& two = ask();
    auto& older = dialer.connect_h1();
    auto& newer = dialer.connect_h1();
    exchange(older, one.acquired());
    loop.advance(1s);
    exchange(newer, two.acquired());
    auto acquired = pool->try_acquire(Repeatable::no);
    ASSERT_TRUE(acquired);
    exchange(newer, *acquired);
}

TEST_F(OriginPoolTest, TheDialOfAWaiterThatGaveUpServesTheNext) {
    make(plain_origin);
    auto& gone = ask();
    gone.abandon();
    loop.run();
    ASSERT_TRUE(gone.is_over());
    EXPECT_EQ(gone.failure(), (Failure{Errc::client_gone, Side::client}));
    auto& next = ask();
    EXPECT_EQ(dialer.dialled().size(), 1U);  // shares the dial under way
    dialer.connect_h1();
    EXPECT_TRUE(next.has_stream());
}

TEST_F(OriginPoolTest, ADialThatNobodyWaitsForAnyMoreStaysInThePool) {
    make(secure_origin);
    ask().abandon();
    loop.run();
    asking.clear();
    EXPECT_FALSE(pool->is_empty());
    auto& origin = dialer.connect_h1();
    EXPECT_EQ(pool->counts().sessions, 1U);
    auto acquired = pool->try_acquire(Repeatable::no);
    ASSERT_TRUE(acquired);
    EXPECT_FALSE(acquired->reused);
    exchange(origin, *acquired);
}

TEST_F(OriginPoolTest, AnAbandonedWaiterLeavesTheQueueToTheOthers) {
    make(secure_origin);
    auto& first = ask();
    auto& second = ask();
    auto& third = ask();
    second.abandon();
    second.abandon();
    dialer.connect_h2();
    EXPECT_TRUE(first.has_stream());
    EXPECT_FALSE(second.has_stream());
    EXPECT_TRUE(third.has_stream());
    third.abandon();  // too late: it has its stream
    EXPECT_TRUE(third.has_stream());
}

TEST_F(OriginPoolTest, AStreamThatNobodyTakesGoesBack) {
    make(plain_origin);
    {
        Waiter waiter{loop.loop(), Repeatable::no};
        const auto outcome = loop.start(pool->acquire(waiter, Deadline::none()));
        dialer.connect_h1();
        ASSERT_TRUE(outcome.done());
    }  // with its lease
    loop.run();
    EXPECT_TRUE(pool->try_acquire(Repeatable::no).has_value());
}

// Limits

TEST_F(OriginPoolTest, OpensNoMoreSessionsThanAllowed) {
    limits.upkeep.max_sessions = 2;
    make(plain_origin);
    for (int i = 0; i < 4; ++i) ask();
    EXPECT_EQ(dialer.waiting(), 2U);
    auto& one = dialer.connect_h1();
    auto& two = dialer.connect_h1();
    EXPECT_EQ(dialer.waiting(), 0U);
    exchange(one, asking[0].acquired());
    EXPECT_TRUE(asking[2].has_stream());
    two.close();  // its place is free for another
    loop.run();
    asking[1].release();
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.connect_h1();
    EXPECT_TRUE(asking[3].has_stream());
}

TEST_F(OriginPoolTest, AFullQueueTakesNoMore) {
    limits.max_waiters = 2;
    make(secure_origin);
    ask();
    ask();
    auto& refused = ask();
    ASSERT_TRUE(refused.is_over());
    EXPECT_EQ(refused.failure(), (Failure{Errc::pool_full, Side::self}));
    asking[0].abandon();
    loop.run();
    EXPECT_FALSE(ask().is_over());
}

TEST_F(OriginPoolTest, AWaiterHasItsTime) {
    make(plain_origin);
    auto& impatient = ask(Deadline::after(loop.now(), 5s));
    auto& patient = ask(Deadline::after(loop.now(), 10s));
    loop.advance(5s - 1ms);
    EXPECT_FALSE(impatient.is_over());
    loop.advance(1ms);
    ASSERT_TRUE(impatient.is_over());
    EXPECT_EQ(impatient.failure(), (Failure{Errc::acquire_timed_out, Side::origin}));
    dialer.connect_h1();
    ASSERT_TRUE(patient.has_stream());
    loop.advance(10s);  // its deadline is over too, and has no hold on it
    EXPECT_TRUE(patient.has_stream());
}

// Failures

TEST_F(OriginPoolTest, AFailedDialFailsWhoWaitsAndIsNotRepeated) {
    make(secure_origin);
    ask();
    ask();
    dialer.fail({Errc::tls_failed, Side::origin});
    for (const Asking& one : asking) {
        ASSERT_TRUE(one.is_over());
        EXPECT_EQ(one.failure(), (Failure{Errc::tls_failed, Side::origin}));
        EXPECT_EQ(one.failed_at(), std::nullopt);
    }
    EXPECT_EQ(dialer.dialled().size(), 1U);
    EXPECT_TRUE(pool->is_empty());
    ask();  // tries anew
    EXPECT_EQ(dialer.dialled().size(), 2U);
}

TEST_F(OriginPoolTest, OneFailedDialOfSeveralFailsNobodyWhomAnotherMayServe) {
    make(plain_origin);
    for (int i = 0; i < 3; ++i) ask();
    dialer.fail({Errc::connect_failed, Side::origin});
    EXPECT_FALSE(asking[0].is_over());
    auto& origin = dialer.connect_h1();
    EXPECT_TRUE(asking[0].has_stream());
    dialer.fail({Errc::connect_failed, Side::origin});
    EXPECT_FALSE(asking[1].is_over());  // a session lives that it may have
    exchange(origin, asking[0].acquired());
    EXPECT_TRUE(asking[1].has_stream());
}

TEST_F(OriginPoolTest, WhoWaitsKnowsWhereTheLastDialFailed) {
    const auto peer = [](std::string_view address) {
        return net::Endpoint{net::IpAddress::parse(address).value(), 80};
    };
    warm_h1().close();  // and may be restarting
    loop.run();
    auto& one = ask(Deadline{loop.now() + 2s});
    dialer.fail({Errc::connect_failed, Side::origin}, peer("192.0.2.1"));
    EXPECT_FALSE(one.is_over());
    loop.advance(1s);
    dialer.fail({Errc::connect_failed, Side::origin}, peer("192.0.2.2"));
    loop.advance(100ms);
    dialer.fail({Errc::resolve_failed, Side::origin});
    loop.advance(2s);
    ASSERT_TRUE(one.is_over());
    EXPECT_EQ(one.failure().code, Errc::acquire_timed_out);
    EXPECT_EQ(one.failed_at(), peer("192.0.2.2"));
    dialer.fail_waiting();
}

TEST_F(OriginPoolTest, AFailedDialFailsWhoWaitsThoughARetiredSessionStillHasStreams) {
    auto& origin = warm_h2(1);
    auto& holder = ask();
    send(holder.acquired());
    auto& waiter = ask();
    origin.go_away(3);
    loop.run();
    for (int i = 0; i < 40 && !waiter.is_over(); ++i) {
        dialer.fail_waiting();
        loop.advance(100ms);  // it may just be restarting
    }
    ASSERT_TRUE(waiter.is_over());
    EXPECT_EQ(waiter.failure().code, Errc::connect_failed);
    EXPECT_LE(dialer.dialled().size(), 20U);
}

TEST_F(OriginPoolTest, ASessionThatEndsMakesRoomForADial) {
    limits.upkeep.max_sessions = 1;
    auto& origin = warm_h1();
    auto& holder = ask();
    auto& waiter = ask();
    EXPECT_EQ(dialer.waiting(), 0U);
    origin.close();
    loop.run();
    EXPECT_EQ(dialer.waiting(), 0U);  // its stream is still held
    holder.release();
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.connect_h1();
    EXPECT_TRUE(waiter.has_stream());
}

TEST_F(OriginPoolTest, AnIdleSessionThatTheOriginClosesIsForgotten) {
    auto& origin = warm_h1();
    origin.close();
    loop.run();
    EXPECT_TRUE(pool->is_empty());
    EXPECT_FALSE(pool->try_acquire(Repeatable::no).has_value());
}

TEST_F(OriginPoolTest, CuttingOffEndsASessionWhoseOriginReadsNothing) {
    auto& origin = warm_h2(10);
    auto& holder = ask();
    send(holder.acquired());
    origin.stream().limit_read(0);
    pool->cut_off();
    loop.run();
    EXPECT_FALSE(pool->is_empty());  // its stream is still held
    holder.acquired().lease.reset();
    loop.run();
    EXPECT_TRUE(pool->is_empty());
}

TEST_F(OriginPoolTest, ASessionThatWasToldToGoIsNotGivenOut) {
    auto& old = warm_h2(10);
    auto& holder = ask();
    send(holder.acquired());
    old.go_away(3);
    loop.run();
    EXPECT_FALSE(pool->try_acquire(Repeatable::no).has_value());
    auto& waiter = ask();
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.connect_h2();
    ASSERT_TRUE(waiter.has_stream());
    EXPECT_FALSE(waiter.acquired().reused);
    EXPECT_EQ(pool->counts().sessions, 2U);  // the old one keeps its exchange
    holder.release();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 1U);
    EXPECT_TRUE(old.is_ended());
}

TEST_F(OriginPoolTest, ASessionToldToGoWhileExchangesWaitIsReplaced) {
    limits.upkeep.max_sessions = 1;
    auto& old = warm_h2(1);
    auto& holder = ask();
    send(holder.acquired());
    auto& waiter = ask();
    old.go_away(3);
    old.reply(3, "204", "");
    loop.run();
    EXPECT_FALSE(waiter.is_over());
    holder.release();
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.connect_h2();
    EXPECT_TRUE(waiter.has_stream());
}

// The end

TEST_F(OriginPoolTest, ClosingFailsWaitersAndEndsSessions) {
    auto& origin = warm_h1();
    auto& holder = ask();
    auto& waiter = ask();
    pool->close();
    loop.run();
    ASSERT_TRUE(waiter.is_over());
    EXPECT_EQ(waiter.failure(), (Failure{Errc::pool_closed, Side::self}));
    dialer.connect_h1();  // a dial that was under way is of no use
    EXPECT_EQ(pool->counts().sessions, 1U);
    exchange(origin, holder.acquired());  // what runs may finish
    EXPECT_TRUE(pool->is_empty());
    EXPECT_FALSE(pool->try_acquire(Repeatable::no).has_value());
    EXPECT_EQ(ask().failure().code, Errc::pool_closed);
    EXPECT_EQ(dialer.dialled().size(), 2U);
}

TEST_F(OriginPoolTest, ClosingEndsIdleSessionsOfBothKinds) {
    warm_h1();
    pool->close();
    loop.run();
    EXPECT_TRUE(pool->is_empty());
    asking.clear();
    pool.reset();
    auto& origin = warm_h2(10);
    pool->close();
    loop.run();
    EXPECT_TRUE(pool->is_empty());
    EXPECT_TRUE(origin.was_told_goaway());
}

}  // namespace
}  // namespace nikawa::pool
