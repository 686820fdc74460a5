#include "admin/stats_json.hpp"

#include <array>
#include <nlohmann/json.hpp>

namespace nikawa::admin {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json, Layout layout) {
    constexpr int indentation = 2;
    const int indent = layout == Layout::indented ? indentation : -1;
    return json.dump(indent, ' ', false, Json::error_handler_t::replace) + '\n';
}

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

// In milliseconds with at most three decimals.
double milliseconds(Duration time) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    return static_cast<double>(micros) / 1000;
}

Json known_milliseconds(Duration time) {
    return time > Duration::zero() ? Json(milliseconds(time)) : Json(nullptr);
}

Json protocol(std::optional<net::Protocol> known) {
    if (!known) return nullptr;
    return *known == net::Protocol::http_2 ? "h2" : "http/1.1";
}

Json by_reason(const std::array<std::uint64_t, pool::dial_reasons>& counts) {
    Json json = Json::object();
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] == 0) continue;
        json[std::string{name_of(static_cast<pool::DialReason>(i))}] = counts[i];
    }
    return json;
}

Json by_failure(const std::map<Errc, std::uint64_t>& counts) {
    Json json = Json::object();
    for (const auto& [code, count] : counts) json[std::string{name_of(code)}] = count;
    return json;
}

Json warm_share(const pool::OriginCounters& counters) {
    if (counters.exchanges == 0) return nullptr;
    return static_cast<double>(counters.warm) / static_cast<double>(counters.exchanges);
}

Json failing_seconds(const std::optional<pool::Outage>& outage) {
    return outage ? Json(seconds(outage->lasting)) : Json(nullptr);
}

Json last_failure(const std::optional<pool::Outage>& outage) {
    return outage ? Json(describe(outage->last)) : Json(nullptr);
}

Json origin_json(const pool::OriginStatus& status) {
    const auto& counters = status.counters;
    return {{"origin", status.origin.to_string()},
            {"protocol", protocol(status.protocol)},
            {"kept_warm", status.is_warm},
            {"sessions", status.sessions},
            {"idle_sessions", status.idle_sessions},
            {"streams", status.streams},
            {"dials_under_way", status.dials},
            {"waiting", status.waiters},
            {"recent_peak", status.recent_peak},
            {"round_trip_ms", known_milliseconds(status.round_trip)},
            {"dial_ms", known_milliseconds(status.dial_time)},
            {"idle_limit_ms", known_milliseconds(status.idle_limit.value_or(Duration::zero()))},
            {"failing_seconds", failing_seconds(status.outage)},
            {"last_failure", last_failure(status.outage)},
            {"exchanges", counters.exchanges},
            {"warm", counters.warm},
            {"warm_share", warm_share(counters)},
            {"waited", by_reason(counters.waited)},
            {"dials", by_reason(counters.dials)},
            {"failed_dials", counters.failed_dials},
            {"resumed_dials", counters.resumed_dials},
            {"doubts", counters.doubts},
            {"retries", by_failure(counters.retries)},
            {"retries_refused", counters.retries_refused},
            {"saved_ms", milliseconds(counters.saved)}};
}

}  // namespace

std::string http_stats_json(const telemetry::HttpFigures& figures, Layout layout) {
    constexpr std::array<std::size_t, 10> statuses{
        200, 400, 401, 403, 404, 500, 501, 502, 503, 504};
    Json status_count = Json::object();
    for (const auto status : statuses) {
        status_count[std::to_string(status)] = figures.by_status[status];
    }
    const auto times = telemetry::summary_of(figures.samples);
    const Json json{
        {"request", {{"count", figures.exchanges}, {"status_count", std::move(status_count)}}},
        {"response",
         {{"max_time", seconds(times.longest)},
          {"min_time", seconds(times.shortest)},
          {"average_time", seconds(times.average)},
          {"percentiled_time",
           {{"90", seconds(times.percentile_90)},
            {"95", seconds(times.percentile_95)},
            {"99", seconds(times.percentile_99)}}}}}};
    return text_of(json, layout);
}

std::string stats_json(const ProcessFigures& process,
                       std::span<const pool::OriginStatus> origins,
                       Layout layout) {
    const auto since_epoch = process.time.time_since_epoch();
    const auto& memory = process.memory;
    Json json{
        {"time", std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count()},
        {"cpu_num", process.cpus},
        {"memory_alloc", memory.allocated},
        {"memory_sys", memory.from_system},
        {"heap_alloc", memory.allocated},
        {"heap_sys", memory.from_system},
        {"heap_idle", memory.allocator_free},
        {"heap_inuse", memory.allocated},
        {"memory_resident", memory.resident},
        {"body_memory", process.body_bytes},
        {"refused_for_memory", process.memory_refusals},
        {"version", process.version},
        {"uptime_seconds", seconds(process.uptime)},
        {"threads", process.threads},
    };
    auto& list = json["origins"] = Json::array();
    for (const auto& status : origins) list.push_back(origin_json(status));
    return text_of(json, layout);
}

}  // namespace nikawa::admin
