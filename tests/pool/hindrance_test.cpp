// What a pool does when a dial fails at once for what is not the origin's doing, over and over,
// while a session that is busy may still serve.

#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

class HindranceTest : public OriginPoolTest {
protected:
    static constexpr Failure denied{Errc::address_denied, Side::client};
    static constexpr Failure exhausted{Errc::descriptors_exhausted, Side::self};

    // A pool whose only session is in use, and whose next dials fail.
    test::ScriptedPeer& busy(const Failure& why) {
        auto& origin = warm_h1();
        held = take();
        dialer.fails_at_once = why;
        return origin;
    }

    void TearDown() override {
        held = {};
        OriginPoolTest::TearDown();
    }

    [[nodiscard]] std::size_t dials() const { return dialer.dialled().size(); }

    Acquired held;
};

TEST_F(HindranceTest, WhatIsForbiddenIsToldAtOnceThoughASessionIsBusy) {
    for (const Errc code : {Errc::address_denied, Errc::target_denied}) {
        auto& origin = busy({code, Side::client});
        const auto before = dials();
        auto& one = ask();
        ASSERT_TRUE(one.is_over());
        EXPECT_EQ(one.failure().code, code);
        EXPECT_EQ(dials(), before + 1);
        exchange(origin, held);  // what was begun goes on
        TearDown();
        dialer.fails_at_once.reset();
    }
}

TEST_F(HindranceTest, WhatIsForbiddenIsToldAtOnceThoughADialIsUnderWay) {
    make(plain_origin);
    auto& first = ask();
    dialer.fails_at_once = denied;
    auto& second = ask();
    for (Asking* one : {&first, &second}) {
        ASSERT_TRUE(one->is_over());
        EXPECT_EQ(one->failure(), denied);
    }
    EXPECT_EQ(dials(), 2U);
}

TEST_F(HindranceTest, WithoutADescriptorABusySessionIsWaitedFor) {
    auto& origin = busy(exhausted);
    auto& one = ask();
    EXPECT_EQ(dials(), 2U);
    loop.advance(100ms);
    EXPECT_FALSE(one.is_over());
    EXPECT_EQ(dials(), 2U);
    exchange(origin, held);
    EXPECT_TRUE(one.has_stream());
}

TEST_F(HindranceTest, WithoutADescriptorADialIsTriedAgainSoon) {
    busy(exhausted);
    auto& one = ask();
    loop.advance(200ms - 1ms);
    EXPECT_EQ(dials(), 2U);
    loop.advance(1ms);
    EXPECT_EQ(dials(), 3U);
    dialer.fails_at_once.reset();
    loop.advance(200ms);
    ASSERT_EQ(dialer.waiting(), 1U);
    dialer.connect_h1();
    EXPECT_TRUE(one.has_stream());
}

TEST_F(HindranceTest, WithoutADescriptorManyWaitUntilTheirTimeIsUp) {
    busy(exhausted);
    const auto first = asking.size();
    for (int i = 0; i < 100; ++i) ask(Deadline::after(loop.now(), 1s));
    EXPECT_EQ(dials(), 2U);
    loop.advance(1s);
    for (std::size_t i = first; i < asking.size(); ++i) {
        ASSERT_TRUE(asking[i].is_over());
        EXPECT_EQ(asking[i].failure().code, Errc::acquire_timed_out);
    }
    EXPECT_LE(dials(), 2U + 5U);  // one at a time, each 200 ms
}

TEST_F(HindranceTest, WithoutADescriptorNobodyWaitsForASessionThatHasEnded) {
    auto& origin = busy(exhausted);
    auto& one = ask();
    EXPECT_FALSE(one.is_over());
    send(held);
    origin.close();
    EXPECT_FALSE(loop.result_of(held.lease->receive_head()));
    held = {};
    loop.run();
    ASSERT_TRUE(one.is_over());
    EXPECT_EQ(one.failure(), exhausted);
}

TEST_F(HindranceTest, AnOriginThatWasOutIsNotTriedOverAndOver) {
    make(plain_origin);
    for (unsigned i = 0; i < DialBackOff::failures_to_be_out; ++i) {
        ask();
        dialer.fail({Errc::connect_failed, Side::origin});
    }
    ASSERT_TRUE(pool->outage());
    dialer.fails_at_once = denied;
    EXPECT_EQ(ask().failure().code, Errc::origin_failing);  // an attempt is made when it is due
    const auto before = dials();
    loop.advance(10s);
    EXPECT_EQ(dials(), before + 1);
}

}  // namespace
}  // namespace nikawa::pool
