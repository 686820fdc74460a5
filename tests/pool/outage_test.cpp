// What a pool does while no connection to its origin can be made, and when there is one again.

#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

class OutageTest : public OriginPoolTest {
protected:
    static constexpr Failure refused{Errc::connect_failed, Side::origin};
    static constexpr Failure silent{Errc::connect_timed_out, Side::origin};

    // An exchange that is given its dial and the dial's failure.
    void fail_one(const Failure& why = refused) {
        auto& one = ask();
        ASSERT_EQ(dialer.waiting(), 1U);
        dialer.fail(why);
        ASSERT_TRUE(one.is_over());
        EXPECT_EQ(one.failure(), why);
    }

    // A pool whose origin has failed so often that it is spared.
    void go_out(const http::Origin& origin = plain_origin) {
        make(origin);
        for (unsigned i = 0; i < DialBackOff::failures_to_be_out; ++i) fail_one();
        ASSERT_TRUE(pool->outage());
    }

    void expect_refused(Asking& one) {
        ASSERT_TRUE(one.is_over());
        EXPECT_EQ(one.failure(), (Failure{Errc::origin_failing, Side::origin}));
    }

    // An exchange each 10 ms for 30 s; `connect` ends dials, `serve` exchanges that have a stream.
    template <class Connect, class Serve>
    void ask_often(const Connect& connect, const Serve& serve) {
        std::size_t told = 0;
        for (int i = 0; i < 3000; ++i) {
            ask();
            while (dialer.waiting() > 0) connect();
            for (Asking& one : asking) {
                if (one.has_stream() && one.acquired().lease) serve(one);
            }
            loop.advance(10ms);
            while (!asking.empty() && asking.front().is_over()) {
                if (!asking.front().has_stream()) ++told;
                asking.pop_front();
            }
        }
        EXPECT_GT(told, 2000U);
    }

    [[nodiscard]] std::size_t dials() const { return dialer.dialled().size(); }
};

TEST_F(OutageTest, TheFirstFailuresAreToldAsTheyAre) {
    go_out();
    expect_refused(ask());
    EXPECT_EQ(dials(), 3U);
    EXPECT_EQ(pool->outage()->last, refused);
    EXPECT_EQ(pool->outage()->next_attempt_in, 200ms);
}

TEST_F(OutageTest, WhoComesAfterThePauseMakesTheAttemptAndHearsHowItEnds) {
    go_out();
    loop.advance(200ms);
    EXPECT_EQ(dialer.waiting(), 0U);  // nobody asked in between
    fail_one();
    expect_refused(ask());
}

TEST_F(OutageTest, AFloodOfExchangesIsFewDials) {
    go_out();
    std::size_t told = 0;
    for (int i = 0; i < 3000; ++i) {
        loop.advance(10ms);
        if (dialer.waiting() > 0) dialer.fail(refused);
        auto& one = ask();
        loop.run();
        if (one.is_over() && one.failure().code == Errc::origin_failing) ++told;
        EXPECT_LE(dialer.waiting(), 1U);
    }
    EXPECT_GT(told, 2900U);
    EXPECT_GE(dials(), 20U);
    EXPECT_LE(dials(), 45U);  // in 30 s: an eighth of the outage, 200 ms at least
}

TEST_F(OutageTest, WhileSomebodyAsksTheNextAttemptIsMadeWhenItIsDue) {
    go_out();
    loop.advance(50ms);
    expect_refused(ask());
    loop.advance(150ms);
    EXPECT_EQ(dialer.waiting(), 1U);
    auto& origin = dialer.connect_h1();
    auto acquired = take();
    exchange(origin, acquired);
    EXPECT_FALSE(pool->is_failing());
}

TEST_F(OutageTest, WhenNobodyAsksAnyMoreNoAttemptIsMade) {
    go_out();
    expect_refused(ask());
    loop.advance(1s);
    ASSERT_EQ(dialer.waiting(), 1U);
    dialer.fail(refused);
    loop.advance(1h);
    EXPECT_EQ(dials(), 4U);
}

TEST_F(OutageTest, AfterHoursThePauseIsStillShortForWhoAsks) {
    limits.keep_warm = 24h;
    auto& origin = warm_h1();
    origin.close();
    loop.run();
    for (const auto end = loop.now() + 2h; loop.now() < end; loop.advance(1s)) {
        if (dialer.waiting() > 0) dialer.fail(refused);
    }
    ASSERT_TRUE(pool->outage());
    ask();
    loop.advance(3s);
    EXPECT_EQ(dialer.waiting(), 1U);
}

TEST_F(OutageTest, WhoComesWhileAnAttemptIsUnderWayWaitsForItNotForLong) {
    go_out();
    loop.advance(200ms);
    auto& first = ask();
    auto& second = ask();
    EXPECT_EQ(dialer.waiting(), 1U);
    loop.advance(1s - 1ms);
    EXPECT_FALSE(second.is_over());
    loop.advance(1ms);
    expect_refused(second);
    expect_refused(ask());
    EXPECT_FALSE(first.is_over());  // the attempt is its own
    EXPECT_EQ(pool->outage()->next_attempt_in, 0s);
    dialer.fail(silent);
    ASSERT_TRUE(first.is_over());
    EXPECT_EQ(first.failure(), silent);
}

TEST_F(OutageTest, ToAFarOriginAnAttemptMayTakeThreeRoundTrips) {
    dialer.times = {1ms, 600ms, 600ms};
    auto& origin = warm_h1();
    origin.close();
    loop.advance(3min);
    for (int i = 0; i < 20 && !pool->outage(); ++i) {
        ask();
        dialer.fail_waiting();
        loop.advance(1s);
    }
    ASSERT_TRUE(pool->outage());
    for (int i = 0; i < 10; ++i) {  // behind the grace for a restart
        loop.advance(1s);
        dialer.fail_waiting();
    }
    loop.advance(3s);
    ask();
    auto& second = ask();
    ASSERT_EQ(dialer.waiting(), 1U);
    loop.advance(1800ms - 1ms);
    EXPECT_FALSE(second.is_over());
    loop.advance(1ms);
    expect_refused(second);
}

TEST_F(OutageTest, ABurstToAnOriginThatIsBackIsServedOnceOneSessionHasAnswered) {
    go_out();
    loop.advance(200ms);
    for (int i = 0; i < 5; ++i) ask();
    EXPECT_EQ(dialer.waiting(), 1U);
    const auto first = asking.size() - 5;
    auto& origin = dialer.connect_h1();
    EXPECT_EQ(dialer.waiting(), 0U);  // it may be one more that dies at once
    ASSERT_TRUE(asking[first].has_stream());
    exchange(origin, asking[first].acquired());
    EXPECT_EQ(dialer.waiting(), 3U);  // the second has the first one's session
    while (dialer.waiting() > 0) dialer.connect_h1();
    for (std::size_t i = first + 1; i < asking.size(); ++i) EXPECT_TRUE(asking[i].has_stream());
}

TEST_F(OutageTest, ASessionThatIsSlowToAnswerIsBelievedAfterAWhile) {
    go_out();
    loop.advance(200ms);
    auto& slow = ask();
    auto& other = ask();
    dialer.connect_h1();
    ASSERT_TRUE(slow.has_stream());
    send(slow.acquired());
    loop.advance(2s - 1ms);
    EXPECT_EQ(dialer.waiting(), 0U);
    EXPECT_FALSE(other.is_over());
    loop.advance(1ms);
    ASSERT_EQ(dialer.waiting(), 1U);
    dialer.connect_h1();
    EXPECT_TRUE(other.has_stream());
}

TEST_F(OutageTest, ASessionThatWorksServesOnThoughDialsForMoreFail) {
    auto& origin = warm_h1();
    loop.advance(10s);
    auto held = take();
    std::size_t waiting = 0;
    for (int i = 0; i < 500; ++i) {
        auto& one = ask();
        if (!one.is_over()) ++waiting;
        if (dialer.waiting() > 0) dialer.fail(refused);
        loop.advance(10ms);
    }
    EXPECT_EQ(waiting, 500U);  // nobody was refused
    EXPECT_LE(dials(), 45U);
    const auto before = dials();
    const auto first = asking.size() - 500;
    exchange(origin, held);
    for (std::size_t i = first; i < first + 100; ++i) {
        ASSERT_TRUE(asking[i].has_stream());
        exchange(origin, asking[i].acquired());
    }
    EXPECT_LE(dials(), before + 1);  // that it answers says nothing of new ones
}

TEST_F(OutageTest, WhatIsOurDoingMakesNobodyWait) {
    make(plain_origin);
    const Failure ours[] = {{Errc::address_denied, Side::client},
                            {Errc::target_denied, Side::client},
                            {Errc::descriptors_exhausted, Side::self}};
    for (const Failure& why : ours) {
        for (int i = 0; i < 10; ++i) fail_one(why);
    }
    EXPECT_FALSE(pool->is_failing());
}

TEST_F(OutageTest, ANameThatDoesNotExistIsAskedForAgainSoon) {
    make(plain_origin);
    constexpr Failure unknown{Errc::resolve_failed, Side::origin};
    for (int i = 0; i < 3; ++i) fail_one(unknown);
    expect_refused(ask());
    EXPECT_EQ(pool->outage()->last, unknown);
    loop.advance(3s);
    EXPECT_EQ(dialer.waiting(), 1U);
}

// Sessions that are of no use

TEST_F(OutageTest, AnHttp11OriginThatHangsUpOnEachRequestIsNotDialledForEach) {
    make(plain_origin);
    ask_often([&] { dialer.connect_h1().expect_head("GET /").close(); },
              [&](Asking& one) {
                  send(one.acquired());
                  EXPECT_FALSE(loop.result_of(one.acquired().lease->receive_head()));
                  one.release();
                  loop.run();
              });
    EXPECT_LE(dials(), 60U);  // in 30 s
    ASSERT_TRUE(pool->outage());
    EXPECT_EQ(pool->outage()->last.code, Errc::peer_closed);
    while (dialer.waiting() > 0) dialer.connect_h1();
}

TEST_F(OutageTest, NorIsAnHttp2OriginThatSaysGoawayBeforeItAnswers) {
    make(secure_origin);
    test::H2Origin* origin = nullptr;
    ask_often([&] { origin = &dialer.connect_h2(); },
              [&](Asking& one) {
                  // Those that come after the GOAWAY cannot even be sent.
                  (void)one.acquired().lease->send_head(test::request("GET", "/"), http::NoBody{});
                  loop.run();
                  origin->go_away(0);
                  loop.run();
                  one.release();
                  loop.run();
              });
    EXPECT_LE(dials(), 60U);
    EXPECT_TRUE(pool->outage());
}

TEST_F(OutageTest, TheOthersThatAreToBeWarmWaitUntilOneIsOfUse) {
    limits.keep_warm = 1h;
    make(plain_origin);
    std::vector<test::ScriptedPeer*> origins;
    for (int i = 0; i < 8; ++i) ask();
    while (dialer.waiting() > 0) origins.push_back(&dialer.connect_h1());
    for (Asking& one : asking) one.release();
    loop.advance(10s);
    for (auto* origin : origins) origin->close();
    for (int i = 0; i < 50; ++i) {
        loop.advance(100ms);
        dialer.fail_waiting();
    }
    ASSERT_TRUE(pool->outage());
    while (dialer.waiting() == 0) loop.advance(100ms);
    auto* origin = &dialer.connect_h1();
    EXPECT_EQ(dialer.waiting(), 0U);  // one that hangs up at once would hang up on all
    origin->close();
    loop.advance(100ms);
    EXPECT_EQ(dialer.waiting(), 0U);
    while (dialer.waiting() == 0) loop.advance(100ms);
    origin = &dialer.connect_h1();
    auto acquired = take();
    exchange(*origin, acquired);
    EXPECT_EQ(dialer.waiting(), 7U);
}

// An exchange that hears of the end before the pool does, and comes back for another stream.
TEST_F(OutageTest, WhatEndedAMomentAgoIsNoReasonToDialAtOnce) {
    go_out();
    loop.advance(4s);  // it is not restarting
    auto& one = ask();
    auto& origin = dialer.connect_h1();
    ASSERT_TRUE(one.has_stream());
    origin.close();
    loop.run();
    ask();  // while the other one still has its stream
    EXPECT_EQ(dialer.waiting(), 0U);
    one.release();
    loop.run();
    expect_refused(asking.back());
    EXPECT_EQ(dials(), 4U);
}

TEST_F(OutageTest, ASessionThatAnsweredBeforeItEndedWasOfUse) {
    make(plain_origin);
    for (int i = 0; i < 10; ++i) {
        auto& one = ask();
        auto& origin = dialer.connect_h1();
        ASSERT_TRUE(one.has_stream());
        exchange(origin, one.acquired());
        origin.close();
        loop.run();
    }
    EXPECT_FALSE(pool->is_failing());
}

TEST_F(OutageTest, AClientThatHangsUpSaysNothingOfTheOrigin) {
    make(plain_origin);
    for (int i = 0; i < 10; ++i) {
        auto& one = ask();
        dialer.connect_h1().expect_head("GET /");
        ASSERT_TRUE(one.has_stream());
        send(one.acquired());
        one.release();
        loop.run();
    }
    EXPECT_FALSE(pool->is_failing());
}

// Exchanges at once

TEST_F(OutageTest, NoMoreExchangesThanAllowedAreUnderWayOverHttp11) {
    limits.max_exchanges = 2;
    make(plain_origin);
    for (int i = 0; i < 4; ++i) ask();
    EXPECT_EQ(dialer.waiting(), 2U);
    auto& one = dialer.connect_h1();
    auto& two = dialer.connect_h1();
    EXPECT_FALSE(asking[2].is_over());
    exchange(one, asking[0].acquired());
    EXPECT_TRUE(asking[2].has_stream());
    two.close();  // an exchange that fails makes room, too
    loop.run();
    EXPECT_FALSE(asking[3].is_over());
    asking[1].release();
    loop.run();
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.connect_h1();
    EXPECT_TRUE(asking[3].has_stream());
    EXPECT_FALSE(pool->try_acquire(Repeatable::no).has_value());
    asking[2].release();
    asking[3].release();
    loop.run();
    auto first = take();
    auto second = take();
    EXPECT_FALSE(pool->try_acquire(Repeatable::no).has_value());
}

TEST_F(OutageTest, NorOverHttp2) {
    limits.max_exchanges = 3;
    limits.max_waiters = 2;
    auto& origin = warm_h2(100);
    for (int i = 0; i < 5; ++i) ask();
    for (std::size_t i = 1; i <= 3; ++i) {
        ASSERT_TRUE(asking[i].has_stream());
        send(asking[i].acquired());
    }
    EXPECT_FALSE(asking[4].is_over());
    EXPECT_FALSE(asking[5].is_over());
    EXPECT_EQ(ask().failure(), (Failure{Errc::pool_full, Side::self}));
    EXPECT_EQ(dialer.waiting(), 0U);  // it is not for sessions that they wait
    EXPECT_EQ(pool->status().streams, 3U);
    origin.reply(3, "204", "");
    loop.run();
    asking[1].release();
    loop.run();
    EXPECT_TRUE(asking[4].has_stream());
    EXPECT_FALSE(asking[5].is_over());
    origin.close();  // with three streams
    loop.run();
    for (std::size_t i = 2; i <= 4; ++i) asking[i].release();
    loop.run();
    ASSERT_EQ(dialer.waiting(), 1U);
    dialer.connect_h2();
    EXPECT_TRUE(asking[5].has_stream());
    auto one = take();
    auto two = take();
    EXPECT_FALSE(pool->try_acquire(Repeatable::no).has_value());
}

// Repeats

TEST_F(OutageTest, RepeatsBeyondTheBudgetAreRefusedAndCounted) {
    make(plain_origin);
    for (int i = 0; i < 12; ++i) pool->try_retry(Errc::peer_closed, RetryCost::counted);
    EXPECT_FALSE(pool->try_retry(Errc::peer_closed, RetryCost::counted));
    EXPECT_TRUE(pool->try_retry(Errc::stream_refused, RetryCost::free));
    const auto counters = pool->status().counters;
    EXPECT_EQ(counters.retries.at(Errc::peer_closed), 10U);
    EXPECT_EQ(counters.retries.at(Errc::stream_refused), 1U);
    EXPECT_EQ(counters.retries_refused, 3U);
    loop.advance(10s);
    EXPECT_TRUE(pool->try_retry(Errc::peer_closed, RetryCost::counted));
}

}  // namespace
}  // namespace nikawa::pool
