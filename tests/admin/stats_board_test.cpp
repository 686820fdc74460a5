#include "nikawa/admin/stats_board.hpp"

#include <gtest/gtest.h>

#include "support/scripted_dialer.hpp"

namespace nikawa::admin {
namespace {

using namespace std::chrono_literals;
using pool::DialReason;
using pool::OriginStatus;

OriginStatus status_of(const std::string& host) {
    OriginStatus status;
    status.origin.host = host;
    return status;
}

TEST(Merged, HasOneStatusForEachOriginInOrder) {
    std::vector<ShardStats> shards(3);
    shards[0].origins = {status_of("b.example"), status_of("a.example")};
    shards[2].origins = {status_of("c.example"), status_of("b.example")};
    shards[2].origins.back().origin.port = 8443;
    const auto sum = merged(std::move(shards));
    std::vector<std::string> names;
    for (const auto& status : sum.origins) names.push_back(status.origin.to_string());
    EXPECT_EQ(names,
              (std::vector<std::string>{"https://a.example",
                                        "https://b.example",
                                        "https://b.example:8443",
                                        "https://c.example"}));
}

TEST(Merged, AddsUpWhatThereIsAndKeepsWhatIsKnown) {
    std::vector<ShardStats> shards(2);
    auto one = status_of("a.example");
    one.sessions = 2;
    one.idle_sessions = 1;
    one.streams = 3;
    one.dials = 1;
    one.waiters = 4;
    one.recent_peak = 5;
    one.counters.exchanges = 10;
    one.counters.waited[static_cast<std::size_t>(DialReason::first_use)] = 1;
    one.round_trip = 20ms;
    one.idle_limit = 60s;
    auto two = status_of("a.example");
    two.protocol = net::Protocol::http_2;
    two.sessions = 1;
    two.recent_peak = 2;
    two.is_warm = true;
    two.counters.exchanges = 7;
    two.counters.waited[static_cast<std::size_t>(DialReason::first_use)] = 2;
    two.round_trip = 15ms;
    two.dial_time = 40ms;
    shards[0].origins = {one};
    shards[1].origins = {two};
    const auto sum = merged(std::move(shards)).origins.at(0);
    EXPECT_EQ(sum.sessions, 3U);
    EXPECT_EQ(sum.idle_sessions, 1U);
    EXPECT_EQ(sum.streams, 3U);
    EXPECT_EQ(sum.dials, 1U);
    EXPECT_EQ(sum.waiters, 4U);
    EXPECT_EQ(sum.recent_peak, 7U);
    EXPECT_TRUE(sum.is_warm);
    EXPECT_EQ(sum.counters.exchanges, 17U);
    EXPECT_EQ(sum.counters.waited[static_cast<std::size_t>(DialReason::first_use)], 3U);
    EXPECT_EQ(sum.protocol, net::Protocol::http_2);
    EXPECT_EQ(sum.round_trip, 15ms);
    EXPECT_EQ(sum.dial_time, 40ms);
    EXPECT_EQ(sum.idle_limit, 60s);
}

class StatsReporterTest : public testing::Test {
protected:
    test::TestLoop loop;
    test::ScriptedDialer dialer{loop};
    origin::SessionFactory factory{loop, dialer, {}};
    pool::PoolSet pools{loop, factory, {}};
    telemetry::HttpStats own{10, 1};
    telemetry::HttpStats other{10, 1};
    MemoryBudget memory{1000};
};

TEST_F(StatsReporterTest, TellsItsOwnFiguresAsOfNowAndThoseThatOthersPublished) {
    StatsBoard board{2};
    const StatsReporter mine{board, 0, pools, own, memory};
    StatsReporter others{board, 1, pools, other, memory};
    own.note({.status = 200});
    other.note({.status = 200});
    EXPECT_EQ(mine.collect().http.exchanges, 1U);
    others.publish();
    EXPECT_EQ(mine.collect().http.exchanges, 2U);
    own.note({.status = 200});
    other.note({.status = 200});
    EXPECT_EQ(mine.collect().http.exchanges, 3U);
    memory.take(7);
    memory.note_refusal();
    others.publish();
    EXPECT_EQ(mine.collect().http.exchanges, 4U);
    EXPECT_EQ(mine.collect().body_bytes, 14U);
    EXPECT_EQ(mine.collect().memory_refusals, 2U);
}

TEST_F(StatsReporterTest, PublishesNothingWhenItIsAlone) {
    StatsBoard board{1};
    StatsReporter mine{board, 0, pools, own, memory};
    own.note({.status = 200});
    mine.publish();
    EXPECT_TRUE(board.others_than(1).empty());
    EXPECT_EQ(mine.collect().http.exchanges, 1U);
}

}  // namespace
}  // namespace nikawa::admin
