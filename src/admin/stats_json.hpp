#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "admin/process_figures.hpp"
#include "nikawa/pool/origin_status.hpp"
#include "nikawa/telemetry/http_stats.hpp"

namespace nikawa::admin {

/// Whether JSON is indented, for eyes.
enum class Layout : std::uint8_t { dense, indented };

/// The body of /.api/http-stats, in the shape of chocon's: times in seconds, always the same
/// statuses.
std::string http_stats_json(const telemetry::HttpFigures& figures, Layout layout);

/// The body of /.api/stats: those keys of chocon's that mean something here, and how it stands with
/// each origin. What is not known is null.
std::string stats_json(const ProcessFigures& process,
                       std::span<const pool::OriginStatus> origins,
                       Layout layout);

}  // namespace nikawa::admin
