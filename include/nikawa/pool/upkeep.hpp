#pragma once

#include <cstddef>
#include <optional>

#include "nikawa/base/time.hpp"

namespace nikawa::pool {

/// What bears on how many idle sessions a pool keeps.
struct IdleFacts {
    std::size_t idle = 0;         ///< sessions without a stream
    std::size_t busy = 0;         ///< sessions with one
    std::size_t recent_peak = 0;  ///< exchanges at once, of late
    Duration longest_idle{};      ///< of the session that has been idle longest
};

struct IdleLimits {
    std::optional<std::size_t> max_idle;  ///< the operator's; without it the recent peak decides
    Duration idle_timeout{};              ///< a session idle for longer goes; zero: none does
};

/// How many idle sessions, the longest idle first, the pool should retire now: those beyond what
/// the recent peak would use, and the one that has outlived its time. One is always worth keeping.
constexpr std::size_t sessions_to_retire(const IdleFacts& now, const IdleLimits& limits) {
    if (now.idle == 0) return 0;
    const auto useful = now.recent_peak > 1 ? now.recent_peak : 1;
    const auto for_peak = useful > now.busy ? useful - now.busy : 0;
    const auto keep = limits.max_idle ? *limits.max_idle : for_peak;
    const auto surplus = now.idle > keep ? now.idle - keep : 0;
    const bool outlived =
        limits.idle_timeout > Duration::zero() && now.longest_idle >= limits.idle_timeout;
    return surplus == 0 && outlived ? 1 : surplus;
}

}  // namespace nikawa::pool
