#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

namespace nikawa::pool {

/// What a pool has and owes at this moment.
struct PoolCounts {
    std::size_t sessions = 0;  ///< open, busy ones included
    std::size_t dials = 0;     ///< under way
    std::size_t waiters = 0;   ///< exchanges without a stream

    /// What a session of this origin is expected to carry at once: 1 over HTTP/1.1, the peer's
    /// SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 §5.1.2) over HTTP/2, and as long as the protocol
    /// is unknown what HTTP/2 is likely to allow. At least 1.
    std::size_t streams_per_session = 1;
};

/// How many dials a pool should start now, so that each waiter has a stream coming and no more.
/// `max_sessions` bounds sessions and dials together; 0 is no limit.
constexpr std::size_t dials_wanted(const PoolCounts& now, std::size_t max_sessions) {
    const auto limit = max_sessions == 0 ? std::numeric_limits<std::size_t>::max() : max_sessions;
    const auto open = now.sessions + now.dials;
    const auto room = limit > open ? limit - open : 0;
    const auto streams_coming = now.dials * now.streams_per_session;
    const auto unserved = now.waiters > streams_coming ? now.waiters - streams_coming : 0;
    const auto wanted = (unserved + now.streams_per_session - 1) / now.streams_per_session;
    return std::min(wanted, room);
}

}  // namespace nikawa::pool
