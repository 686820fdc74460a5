#include "nikawa/pool/retry_budget.hpp"

#include <gtest/gtest.h>

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{100h};

// How many of so many repeats wanted at once are granted; each granted one is an exchange, too.
std::size_t granted(RetryBudget& budget, TimePoint now, std::size_t wanted = 1000) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < wanted; ++i) {
        if (!budget.try_retry(now)) continue;
        budget.note_exchange(now);
        ++count;
    }
    return count;
}

TEST(RetryBudget, GrantsAShareOfTheRecentExchangesAndTen) {
    struct Row {
        unsigned percent;
        std::size_t exchanges;
        std::size_t granted;
    };
    const Row rows[] = {
        {20, 0, 10},
        {20, 1, 10},
        {20, 4, 10},
        {20, 5, 11},
        {20, 1000, 210},
        {0, 1000, 10},
        {1, 1000, 20},
        {100, 100, 110},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(testing::Message() << row.percent << " % of " << row.exchanges);
        RetryBudget budget{row.percent};
        for (std::size_t i = 0; i < row.exchanges; ++i) budget.note_exchange(start);
        EXPECT_EQ(granted(budget, start), row.granted);
    }
}

TEST(RetryBudget, FreeRepeatsDoNotAllowForMoreOfThem) {
    RetryBudget budget{20};
    for (int i = 0; i < 100; ++i) {
        budget.note_exchange(start);
        budget.note_free_retry(start);
        budget.note_exchange(start);
    }
    EXPECT_EQ(granted(budget, start), 30U);
}

TEST(RetryBudget, WhatIsTenSecondsAgoCountsNoMore) {
    RetryBudget budget{20};
    for (int i = 0; i < 100; ++i) budget.note_exchange(start);
    EXPECT_EQ(granted(budget, start + 9s), 30U);
    EXPECT_EQ(granted(budget, start + 10s), 0U);  // now it is the exchanges that are forgotten
    EXPECT_EQ(granted(budget, start + 18s), 0U);
    EXPECT_EQ(granted(budget, start + 19s), 10U);
    EXPECT_EQ(granted(budget, start + 24h), 10U);
}

TEST(RetryBudget, ASteadyStreamOfFailuresIsRepeatedForItsShareOnly) {
    RetryBudget budget{20};
    std::size_t repeated = 0;
    for (auto now = start; now < start + 100s; now += 10ms) {
        budget.note_exchange(now);
        repeated += granted(budget, now, 1);
    }
    EXPECT_GE(repeated, 2000U);  // of 10,000
    EXPECT_LE(repeated, 2200U);
}

}  // namespace
}  // namespace nikawa::pool
