#include "nikawa/telemetry/http_stats.hpp"

#include <gtest/gtest.h>

#include "nikawa/telemetry/access_log.hpp"

namespace nikawa::telemetry {
namespace {

using namespace std::chrono_literals;

ExchangeRecord record(unsigned status, Duration total, std::chrono::seconds began = 0s) {
    return {.time = std::chrono::system_clock::time_point{began}, .status = status, .total = total};
}

std::vector<TimeSample> samples(int count) {
    std::vector<TimeSample> result;
    for (int i = count; i > 0; --i) result.push_back({{}, i * 1ms});
    return result;
}

TEST(SummaryOf, TakesPercentilesByTheNearestRank) {
    struct Row {
        int samples;
        Duration shortest, average, p90, p95, p99, longest;
    };
    const Row rows[] = {
        {0, 0ms, 0ms, 0ms, 0ms, 0ms, 0ms},
        {1, 1ms, 1ms, 1ms, 1ms, 1ms, 1ms},
        {2, 1ms, 1500us, 2ms, 2ms, 2ms, 2ms},
        {10, 1ms, 5500us, 9ms, 10ms, 10ms, 10ms},
        {100, 1ms, 50500us, 90ms, 95ms, 99ms, 100ms},
        {1000, 1ms, 500500us, 900ms, 950ms, 990ms, 1000ms},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.samples);
        const auto summary = summary_of(samples(row.samples));
        EXPECT_EQ(summary.shortest, row.shortest);
        EXPECT_EQ(summary.average, row.average);
        EXPECT_EQ(summary.percentile_90, row.p90);
        EXPECT_EQ(summary.percentile_95, row.p95);
        EXPECT_EQ(summary.percentile_99, row.p99);
        EXPECT_EQ(summary.longest, row.longest);
    }
}

TEST(HttpStats, CountsEveryExchangeByItsStatus) {
    HttpStats stats{10, 1};
    for (const unsigned status : {200U, 200U, 404U, 599U, 600U, 0U, 4'000'000'000U}) {
        stats.note(record(status, 1ms));
    }
    const auto& figures = stats.figures();
    EXPECT_EQ(figures.exchanges, 7U);
    EXPECT_EQ(figures.by_status[200], 2U);
    EXPECT_EQ(figures.by_status[404], 1U);
    EXPECT_EQ(figures.by_status[599], 1U);
    EXPECT_EQ(figures.by_status[0], 3U);
}

TEST(HttpStats, KeepsTheTimesOfTheLastExchanges) {
    HttpStats stats{3, 1};
    for (int i = 1; i <= 8; ++i) stats.note(record(200, i * 1ms));
    const auto summary = summary_of(stats.figures().samples);
    EXPECT_EQ(stats.figures().samples.size(), 3U);
    EXPECT_EQ(summary.shortest, 6ms);
    EXPECT_EQ(summary.longest, 8ms);
}

TEST(HttpStats, SamplesOneInTheFactorAlsoOfWhatRepeatsWithTheSamePeriod) {
    HttpStats stats{100'000, 3};
    for (int i = 0; i < 30'000; ++i) stats.note(record(200, i % 3 == 0 ? 1s : 1ms));
    const auto& samples = stats.figures().samples;
    EXPECT_NEAR(static_cast<double>(samples.size()), 10'000, 500);
    EXPECT_NEAR(std::chrono::duration<double>(summary_of(samples).average).count(), 0.334, 0.02);
    EXPECT_EQ(stats.figures().exchanges, 30'000U);
}

TEST(HttpFigures, AddUpAndKeepTheNewestTimes) {
    HttpStats one{2, 1};
    HttpStats two{2, 1};
    one.note(record(200, 1ms, 10s));
    one.note(record(500, 2ms, 40s));
    two.note(record(200, 3ms, 30s));
    two.note(record(200, 4ms, 20s));
    auto sum = one.figures();
    sum += two.figures();
    EXPECT_EQ(sum.exchanges, 4U);
    EXPECT_EQ(sum.by_status[200], 3U);
    EXPECT_EQ(sum.samples.size(), 4U);

    sum.keep_newest(2);
    EXPECT_EQ(sum.samples.size(), 2U);
    EXPECT_EQ(summary_of(sum.samples).shortest, 2ms);
    EXPECT_EQ(summary_of(sum.samples).longest, 3ms);
    sum.keep_newest(2);
    EXPECT_EQ(sum.samples.size(), 2U);
}

TEST(HttpStats, ATunnelCountsButItsTimeIsNoResponses) {
    HttpStats stats{10, 1};
    auto tunnel = record(101, 1h);
    tunnel.is_tunnel = true;
    stats.note(tunnel);
    EXPECT_EQ(stats.figures().exchanges, 1U);
    EXPECT_EQ(stats.figures().by_status[101], 1U);
    EXPECT_TRUE(stats.figures().samples.empty());
}

TEST(AccessLog, CountsWhatIsNotWritten) {
    HttpStats stats{10, 1};
    AccessLog log{nullptr, &stats};
    log.write(record(200, 1ms));
    EXPECT_EQ(stats.figures().exchanges, 1U);
    EXPECT_FALSE(log.has_lines());
}

}  // namespace
}  // namespace nikawa::telemetry
