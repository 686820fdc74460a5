#include "nikawa/pool/dial_back_off.hpp"

#include <gtest/gtest.h>

#include <set>

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{100h};
constexpr Failure refused{Errc::connect_failed, Side::origin};

// Fails at once whenever it is tried, as often as somebody who asks may have it tried.
void fail_until(DialBackOff& back_off, TimePoint end) {
    for (TimePoint now = start; now <= end; now = std::max(back_off.next_asked(now), now + 1ms)) {
        back_off.note_failure(now, now, refused);
    }
}

TEST(DialBackOff, KnowsNothingAtFirst) {
    const DialBackOff back_off{0};
    EXPECT_FALSE(back_off.is_failing(start));
    EXPECT_FALSE(back_off.is_out(start));
    EXPECT_FALSE(back_off.outage(start));
    EXPECT_LE(back_off.next_asked(start), start);
    EXPECT_LE(back_off.next_unasked(), start);
}

TEST(DialBackOff, TheOriginIsOutFromTheThirdFailureInARowOn) {
    DialBackOff back_off{0};
    for (int i = 0; i < 2; ++i) {
        back_off.note_failure(start, start, refused);
        EXPECT_TRUE(back_off.is_failing(start));
        EXPECT_FALSE(back_off.is_out(start));
        EXPECT_LE(back_off.next_asked(start), start);       // who asks is served
        EXPECT_EQ(back_off.next_unasked(), start + 200ms);  // else it is waited
    }
    back_off.note_failure(start, start, refused);
    EXPECT_TRUE(back_off.is_out(start));
    EXPECT_EQ(back_off.next_asked(start), start + 200ms);
}

TEST(DialBackOff, OneAttemptThatMetSilenceIsEnough) {
    for (const Errc code : {Errc::connect_timed_out, Errc::tls_timed_out}) {
        DialBackOff back_off{0};
        back_off.note_failure(start, start + 10s, {code, Side::origin});
        EXPECT_TRUE(back_off.is_out(start + 10s)) << name_of(code);
    }
    DialBackOff back_off{0};
    back_off.note_failure(start, start + 5s, {Errc::resolve_timed_out, Side::origin});
    EXPECT_FALSE(back_off.is_out(start + 5s));  // it is the name server that was silent
}

TEST(DialBackOff, AttemptsThatWereUnderWayAtOnceFailOnce) {
    DialBackOff back_off{0};
    for (int i = 0; i < 50; ++i) {
        back_off.note_failure(start, start + 1ms * (i + 1), refused);
    }
    EXPECT_FALSE(back_off.is_out(start + 50ms));
    back_off.note_failure(start + 50ms, start + 51ms, refused);
    back_off.note_failure(start + 51ms, start + 52ms, refused);
    EXPECT_TRUE(back_off.is_out(start + 52ms));
}

TEST(DialBackOff, PausesAreAnEighthOfTheOutage) {
    struct Row {
        Duration outage;
        Duration asked;
        Duration unasked;
    };
    const Row rows[] = {
        {0s, 200ms, 200ms},
        {1s, 200ms, 200ms},
        {8s, 1s, 1s},
        {24s, 3s, 3s},
        {80s, 3s, 10s},
        {10min, 3s, 1min},
        {10h, 3s, 1min},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.outage / 1ms);
        DialBackOff back_off{0};
        fail_until(back_off, start + row.outage);
        const auto last = start + row.outage;
        for (int i = 0; i < 2; ++i) back_off.note_failure(last, last, refused);
        EXPECT_EQ(back_off.next_asked(last), last + row.asked);
        EXPECT_EQ(back_off.next_unasked(), last + row.unasked);
    }
}

TEST(DialBackOff, PausesVaryByAFifthAndNotInStepWithThoseOfAnother) {
    std::set<Duration> pauses;
    for (std::uint32_t seed = 1; seed <= 100; ++seed) {
        DialBackOff back_off{seed * 7919};
        for (int i = 0; i < 3; ++i) back_off.note_failure(start, start, refused);
        pauses.insert(back_off.next_asked(start) - start);
    }
    EXPECT_GE(pauses.size(), 50U);
    EXPECT_GE(*pauses.begin(), 160ms);
    EXPECT_LE(*pauses.rbegin(), 240ms);
    EXPECT_GE(*pauses.rbegin() - *pauses.begin(), 50ms);
}

TEST(DialBackOff, ASessionOfUseEndsItIfItCameAfterTheLastFailure) {
    DialBackOff back_off{0};
    for (int i = 0; i < 3; ++i) back_off.note_failure(start, start, refused);
    back_off.note_use(start - 1s);
    EXPECT_TRUE(back_off.is_out(start));
    back_off.note_use(start + 1s);
    EXPECT_FALSE(back_off.is_failing(start + 1s));
    EXPECT_EQ(back_off.lasting(start + 1s), 0s);
    back_off.note_failure(start + 2s, start + 2s, refused);
    EXPECT_FALSE(back_off.is_out(start + 2s));  // it is counted anew
    EXPECT_EQ(back_off.lasting(start + 3s), 1s);
}

TEST(DialBackOff, WhatNobodyHasTriedForTwoMinutesIsForgotten) {
    DialBackOff back_off{0};
    for (int i = 0; i < 3; ++i) back_off.note_failure(start, start, refused);
    EXPECT_TRUE(back_off.is_out(start + 2min - 1ms));
    EXPECT_FALSE(back_off.is_failing(start + 2min));
    const auto later = start + 1h;
    back_off.note_failure(later, later, refused);
    EXPECT_FALSE(back_off.is_out(later));
    EXPECT_EQ(back_off.lasting(later), 0s);
}

TEST(DialBackOff, AHindranceOfOursSaysNothingOfTheOrigin) {
    DialBackOff back_off{0};
    for (int i = 0; i < 10; ++i) back_off.note_hindrance(start);
    EXPECT_FALSE(back_off.is_failing(start));
    EXPECT_LE(back_off.next_asked(start), start);
    EXPECT_GT(back_off.next_unasked(), start);  // but it is not dialled in a loop
}

TEST(DialBackOff, TellsSinceWhenWhyAndWhenItIsTriedAgain) {
    DialBackOff back_off{0};
    back_off.note_failure(start, start, {Errc::resolve_failed, Side::origin});
    fail_until(back_off, start + 16s);
    const auto last = start + 16s;
    back_off.note_failure(last, last, refused);
    const auto outage = back_off.outage(last + 500ms);
    ASSERT_TRUE(outage);
    EXPECT_EQ(outage->last, refused);
    EXPECT_EQ(outage->lasting, 16500ms);
    EXPECT_EQ(outage->next_attempt_in, 1500ms);
    EXPECT_EQ(back_off.outage(last + 5s)->next_attempt_in, 0s);
}

}  // namespace
}  // namespace nikawa::pool
