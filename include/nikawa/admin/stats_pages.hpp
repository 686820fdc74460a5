#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nikawa/admin/stats_board.hpp"
#include "nikawa/client/client_exchange.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/mapping/host_mapper.hpp"
#include "nikawa/telemetry/access_log.hpp"

namespace nikawa::admin {

/// What all shards' pages are made from.
struct StatsPagesSettings {
    std::string version;
    TimePoint started{};              ///< the daemon
    std::size_t most_samples = 1000;  ///< the times of so many exchanges make the percentiles
    mapping::HostRules host_rules;
    bool takes_every_host = false;  ///< also a Host that names an origin
};

/// Answers the paths at which chocon tells its statistics, and hands every other request on. Like
/// chocon's, these answers are counted and stand in the access log. One by another method than GET
/// and HEAD is handed on to be refused (bad_method).
///
/// A path belongs to the origin if the Host names one: its own `/.api/stats` stays reachable.
class StatsPages final : public client::RequestHandler {
public:
    using WallClock = std::chrono::system_clock::time_point (*)();

    /// All that is given outlives the pages, and they every exchange.
    StatsPages(loop::Loop& loop,
               const StatsPagesSettings& settings,
               const StatsReporter& stats,
               std::size_t shards,
               telemetry::AccessLog& log,
               client::RequestHandler& next,
               WallClock wall_clock);

    Task<void> handle(client::ClientExchange& exchange) override;
    Task<void> refuse(client::ClientExchange& exchange, const Failure& failure) override;

private:
    enum class Page : std::uint8_t { stats, http_stats };

    static std::optional<Page> page_of(std::string_view target);
    [[nodiscard]] bool is_for_us(const http::RequestHead& head) const;
    Task<void> answer(client::ClientExchange& exchange, Page page);
    [[nodiscard]] std::string body_of(Page page, std::string_view target) const;

    loop::Loop& loop_;
    const StatsPagesSettings& settings_;
    const StatsReporter& stats_;
    std::size_t shards_;
    telemetry::AccessLog& log_;
    client::RequestHandler& next_;
    WallClock wall_clock_;
};

}  // namespace nikawa::admin
