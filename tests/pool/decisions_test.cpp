#include <gtest/gtest.h>

#include "nikawa/pool/dials_wanted.hpp"
#include "nikawa/pool/recent_peak.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t no_limit = 0;
//                          sessions, dials, waiters, streams_per_session
static_assert(dials_wanted({0, 0, 0, 1}, no_limit) == 0);
static_assert(dials_wanted({0, 0, 3, 1}, no_limit) == 3);    // HTTP/1.1: one dial for each
static_assert(dials_wanted({0, 0, 3, 100}, no_limit) == 1);  // HTTP/2: one dial serves all three
static_assert(dials_wanted({0, 1, 3, 100}, no_limit) == 0);  // no herd behind a dial in flight
static_assert(dials_wanted({1, 0, 250, 100}, no_limit) == 3);
static_assert(dials_wanted({0, 1, 150, 100}, no_limit) == 1);
static_assert(dials_wanted({0, 0, 3, 1}, 2) == 2);
static_assert(dials_wanted({3, 1, 9, 1}, 4) == 0);  // full: wait for a freed stream
static_assert(dials_wanted({5, 0, 9, 1}, 4) == 0);  // more than full

TEST(RecentPeak, RemembersTheHighestOfTheLastMinutes) {
    const TimePoint start{100h};
    RecentPeak peak;
    EXPECT_EQ(peak.at(start), 0U);
    peak.note(start, 3);
    peak.note(start + 1s, 20);
    peak.note(start + 2s, 5);
    EXPECT_EQ(peak.at(start + 2s), 20U);
    EXPECT_EQ(peak.at(start + 4min), 20U);
    EXPECT_EQ(peak.at(start + 6min), 0U);
}

TEST(RecentPeak, ForgetsOnlyWhatHasPassed) {
    const TimePoint start{100h};
    RecentPeak peak;
    peak.note(start, 20);
    peak.note(start + 3min, 7);
    EXPECT_EQ(peak.at(start + 4min), 20U);
    EXPECT_EQ(peak.at(start + 5min), 7U);
    peak.note(start + 24h, 1);
    EXPECT_EQ(peak.at(start + 24h), 1U);
}

}  // namespace
}  // namespace nikawa::pool
