#include "admin/stats_json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace nikawa::admin {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TEST(HttpStatsJson, HasTheShapeOfChocons) {
    telemetry::HttpFigures figures;
    figures.exchanges = 12;
    figures.by_status[200] = 10;
    figures.by_status[204] = 1;
    figures.by_status[502] = 1;
    figures.samples = {{{}, 250ms}, {{}, 750ms}};
    EXPECT_EQ(http_stats_json(figures, Layout::dense),
              R"({"request":{"count":12,"status_count":{"200":10,"400":0,"401":0,"403":0,"404":0,)"
              R"("500":0,"501":0,"502":1,"503":0,"504":0}},"response":{"max_time":0.75,)"
              R"("min_time":0.25,"average_time":0.5,"percentiled_time":{"90":0.75,"95":0.75,)"
              R"("99":0.75}}})"
              "\n");
}

TEST(HttpStatsJson, IsAllZerosBeforeTheFirstExchange) {
    const auto parsed = json::parse(http_stats_json({}, Layout::dense));
    EXPECT_EQ(parsed["request"]["count"], 0);
    EXPECT_EQ(parsed["response"]["min_time"], 0);
    EXPECT_EQ(parsed["response"]["percentiled_time"]["99"], 0);
}

TEST(StatsJson, KeepsTheKeysOfChoconsThatMeanSomething) {
    const ProcessFigures process{
        .time = std::chrono::system_clock::time_point{1700000000s + 5ns},
        .version = "1.2.3",
        .uptime = 90s + 500ms,
        .threads = 2,
        .cpus = 8,
        .memory = {.allocated = 10, .from_system = 20, .allocator_free = 5, .resident = 30},
        .body_bytes = 7,
        .memory_refusals = 1};
    const auto parsed = json::parse(stats_json(process, {}, Layout::indented));
    EXPECT_EQ(parsed, json::parse(R"({
        "time": 1700000000000000005, "cpu_num": 8, "memory_alloc": 10, "memory_sys": 20,
        "heap_alloc": 10, "heap_sys": 20, "heap_idle": 5, "heap_inuse": 10, "memory_resident": 30,
        "body_memory": 7, "refused_for_memory": 1,
        "version": "1.2.3", "uptime_seconds": 90.5, "threads": 2, "origins": []})"));
}

TEST(StatsJson, TellsHowItStandsWithEachOrigin) {
    pool::OriginStatus status;
    status.origin.host = "api.example.com";
    status.protocol = net::Protocol::http_2;
    status.is_warm = true;
    status.sessions = 3;
    status.idle_sessions = 2;
    status.streams = 4;
    status.dials = 1;
    status.waiters = 5;
    status.recent_peak = 20;
    status.round_trip = 26'400us;
    status.dial_time = 80ms;
    status.idle_limit = 75s;
    auto& counters = status.counters;
    counters.exchanges = 1000;
    counters.warm = 990;
    counters.waited[static_cast<std::size_t>(pool::DialReason::peak_exceeded)] = 10;
    counters.dials[static_cast<std::size_t>(pool::DialReason::first_use)] = 1;
    counters.dials[static_cast<std::size_t>(pool::DialReason::worn)] = 2;
    counters.failed_dials = 6;
    counters.resumed_dials = 7;
    counters.doubts = 8;
    counters.retries[Errc::peer_closed] = 9;
    counters.retries_refused = 3;
    status.outage = pool::Outage{.last = {Errc::connect_failed, Side::origin},
                                 .lasting = 12'300ms,
                                 .next_attempt_in = 1s};
    counters.saved = 79'200ms;
    const auto parsed = json::parse(stats_json({}, std::span{&status, 1}, Layout::dense));
    EXPECT_EQ(parsed["origins"], json::parse(R"([{
        "origin": "https://api.example.com", "protocol": "h2", "kept_warm": true, "sessions": 3,
        "idle_sessions": 2, "streams": 4, "dials_under_way": 1, "waiting": 5, "recent_peak": 20,
        "round_trip_ms": 26.4, "dial_ms": 80.0, "idle_limit_ms": 75000.0, "failing_seconds": 12.3,
        "last_failure": "the connection to the origin failed", "exchanges": 1000,
        "warm": 990, "warm_share": 0.99, "waited": {"peak_exceeded": 10},
        "dials": {"first_use": 1, "worn": 2}, "failed_dials": 6, "resumed_dials": 7, "doubts": 8,
        "retries": {"peer_closed": 9}, "retries_refused": 3, "saved_ms": 79200.0}])"));
}

TEST(StatsJson, HasNullForWhatIsNotKnown) {
    pool::OriginStatus status;
    status.origin = {http::Scheme::http, "::1", 8080};
    const auto parsed = json::parse(stats_json({}, std::span{&status, 1}, Layout::dense));
    const auto& origin = parsed["origins"][0];
    EXPECT_EQ(origin["origin"], "http://[::1]:8080");
    for (const auto* key :
         {"protocol", "round_trip_ms", "dial_ms", "idle_limit_ms", "failing_seconds", "last_failure",
          "warm_share"}) {
        EXPECT_TRUE(origin.at(key).is_null()) << key;
    }
    EXPECT_EQ(origin["waited"], json::object());
}

TEST(MemoryFigures, AreThoseOfThisProcess) {
    const auto memory = MemoryFigures::now();
    EXPECT_LE(memory.allocated, memory.from_system);  // both 0 with a sanitizer's allocator
    EXPECT_GT(memory.resident, 1'000'000U);
}

}  // namespace
}  // namespace nikawa::admin
