#include "nikawa/pool/origin_facts.hpp"

#include <gtest/gtest.h>

#include "nikawa/pool/dial_reason.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{100h};

TEST(IdleLimit, TakesTheWordOfTheOrigin) {
    IdleLimit limit;
    EXPECT_EQ(limit.at(start), std::nullopt);
    limit.note_advertised(5s);
    EXPECT_EQ(limit.at(start), 5s);
    limit.note_advertised(15s);
    EXPECT_EQ(limit.at(start + 24h), 15s);
}

TEST(IdleLimit, BelievesASecondCloseThatAgrees) {
    const struct {
        const char* what;
        Duration first;
        Duration second;
        Duration between;
        std::optional<Duration> expected;
    } rows[] = {
        {"the same", 5s, 5s, 1min, 5s},
        {"about the same: the shorter", 5s, 5900ms, 1min, 5s},
        {"a tenth apart", 75s, 70s, 10min, 70s},
        {"too far apart", 5s, 7s, 1min, std::nullopt},
        {"both at once are one", 5s, 5s, 999ms, std::nullopt},
        {"at once is no limit", 400ms, 400ms, 1min, std::nullopt},
    };
    for (const auto& row : rows) {
        IdleLimit limit;
        limit.note_closed(start, row.first);
        EXPECT_EQ(limit.at(start), std::nullopt) << row.what;
        limit.note_closed(start + row.between, row.second);
        EXPECT_EQ(limit.at(start + row.between), row.expected) << row.what;
    }
}

TEST(IdleLimit, LearnsNothingFromARestart) {
    IdleLimit limit;
    for (const auto idle : {3s, 8s, 20s, 60s, 200s, 700s}) limit.note_closed(start, idle);
    EXPECT_EQ(limit.at(start), std::nullopt);
}

TEST(IdleLimit, IsNotMisledByOneOddClose) {
    IdleLimit limit;
    limit.note_closed(start, 60s);
    limit.note_closed(start + 2min, 60s);
    limit.note_closed(start + 3min, 2s);
    EXPECT_EQ(limit.at(start + 3min), 60s);
    limit.note_closed(start + 4min, 2s);  // it has been changed
    EXPECT_EQ(limit.at(start + 4min), 2s);
}

TEST(IdleLimit, ForgetsWhatItSawLongAgo) {
    IdleLimit limit;
    limit.restore(start, 60s);
    EXPECT_EQ(limit.at(start + IdleLimit::lifetime - 1s), 60s);
    EXPECT_EQ(limit.at(start + IdleLimit::lifetime), std::nullopt);
    limit.restore(start, 60s);
    limit.note_closed(start + 5h, 61s);  // confirmed once more
    EXPECT_EQ(limit.at(start + 10h), 60s);
}

TEST(IdleLimit, TheShorterOneHolds) {
    IdleLimit limit;
    limit.restore(start, 60s);
    limit.note_advertised(75s);
    EXPECT_EQ(limit.at(start), 60s);
    limit.note_advertised(5s);
    EXPECT_EQ(limit.at(start), 5s);
}

static_assert(usable_idle_time(5s, 100ms) == 3850ms);
static_assert(usable_idle_time(75s, 200ms) == 73700ms);
static_assert(usable_idle_time(2s, 0ms) == 1s);
static_assert(usable_idle_time(2s, 200ms) == 1s);  // too short for the margin
static_assert(usable_idle_time(1s, 100ms) == 500ms);

TEST(RoundTrip, IsTheShortestOfTheLastFew) {
    RoundTrip round_trip;
    EXPECT_EQ(round_trip.get(), 0ms);
    for (const auto measured : {30ms, 26ms, 1026ms}) round_trip.note(measured);
    EXPECT_EQ(round_trip.get(), 26ms);
    for (int i = 0; i < 8; ++i) round_trip.note(100ms);  // the route has changed
    EXPECT_EQ(round_trip.get(), 100ms);
}

TEST(RequestLimit, IsLearnedFromTwoSessionsThatEndedAlike) {
    RequestLimit limit;
    EXPECT_EQ(limit.at(start), 1000U);
    limit.note_ended(start, start + 1s, 100);
    limit.note_ended(start, start + 3s, 70);
    limit.note_ended(start, start + 5s, 100);
    EXPECT_EQ(limit.at(start + 5s), 1000U);
    limit.note_ended(start, start + 5500ms, 100);  // a restart ends many alike
    EXPECT_EQ(limit.at(start + 6s), 1000U);
    limit.note_ended(start, start + 7s, 100);
    EXPECT_EQ(limit.at(start + 7s), 100U);
    EXPECT_EQ(limit.at(start + 8h), 1000U);  // it may have changed
}

TEST(RequestLimit, IsLearnedFromSessionsThatFollowedEachOtherQuickly) {
    RequestLimit limit;
    limit.note_ended(start, start + 50ms, 100);
    limit.note_ended(start + 50ms, start + 100ms, 100);
    EXPECT_EQ(limit.at(start + 100ms), 100U);
}

TEST(RequestLimit, IsNotLearnedFromFewRequests) {
    RequestLimit limit;
    limit.note_ended(start, start, 12);  // an error of the origin's, perhaps
    limit.note_ended(start, start + 2s, 12);
    EXPECT_EQ(limit.at(start + 2s), 1000U);
}

TEST(RequestLimit, IsForgottenWhenASessionCarriesMore) {
    RequestLimit limit;
    limit.note_ended(start, start, 100);
    limit.note_ended(start, start + 2s, 100);
    limit.note_carried(100);
    EXPECT_EQ(limit.at(start + 2s), 100U);
    limit.note_carried(101);
    EXPECT_EQ(limit.at(start + 2s), 1000U);
}

TEST(OriginFacts, MeasureDials) {
    OriginFacts facts;
    facts.note_dial({.resolve = 10ms, .connect = 100ms, .tls = 110ms});
    EXPECT_EQ(facts.round_trip.get(), 100ms);
    EXPECT_EQ(facts.dial_time, 220ms);
    facts.note_dial({.resolve = 0ms, .connect = 1100ms, .tls = 90ms});  // a lost SYN
    EXPECT_EQ(facts.round_trip.get(), 90ms);
    EXPECT_EQ(facts.dial_time / 1us, 341250);
    facts.note_dial({.resolve = 0ms, .connect = 80ms, .tls = 0ms});  // plain
    EXPECT_EQ(facts.round_trip.get(), 80ms);
}

TEST(OriginFacts, CalmDoublesThePingIntervalUpToABound) {
    OriginFacts facts;
    facts.note_calm();
    EXPECT_EQ(facts.ping_interval, 30s);
    for (int i = 0; i < 10; ++i) facts.note_calm();
    EXPECT_EQ(facts.ping_interval, 10min);
    facts.ping_interval = 24h * 365;  // never
    facts.note_calm();
    EXPECT_EQ(facts.ping_interval, 24h * 365);
}

TEST(DialReason, HasItsName) {
    EXPECT_EQ(name_of(DialReason::first_use), "first_use");
    EXPECT_EQ(name_of(DialReason::peak_exceeded), "peak_exceeded");
    EXPECT_EQ(name_of(DialReason::path_silent), "path_silent");
    EXPECT_EQ(name_of(DialReason::let_go), "let_go");
}

}  // namespace
}  // namespace nikawa::pool
