#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "nikawa/base/time.hpp"

namespace nikawa::pool {

/// How long an origin keeps an idle session, learned from what it says and from when it closes.
///
/// A close may have other reasons than idleness, a restart for example. So one is not believed
/// until a second one, at another time, confirms it; closes at about the same time count as one.
class IdleLimit {
public:
    /// A limit that was learned long ago may not hold any more.
    static constexpr Duration lifetime = std::chrono::hours{6};

    /// The origin said so (`Keep-Alive: timeout=`).
    void note_advertised(Duration limit) { advertised_ = limit; }

    /// The origin closed a session that had been idle for `idle`.
    void note_closed(TimePoint now, Duration idle);

    /// It was learned before, in another life of the daemon.
    void restore(TimePoint now, Duration limit);

    /// The limit as far as it is known.
    [[nodiscard]] std::optional<Duration> at(TimePoint now) const;

private:
    struct Close {
        TimePoint at;
        Duration idle;
    };

    std::optional<Duration> advertised_;
    std::optional<Close> confirmed_;
    std::array<std::optional<Close>, 4> unconfirmed_;  // the oldest is overwritten first
    std::size_t oldest_ = 0;
};

/// How long a session may be idle before it must not be used any more, for an origin that closes it
/// after `limit`: a request that is on its way then would be lost. The margin is a second and one
/// and a half round trips, or half of a limit too short for that.
constexpr Duration usable_idle_time(Duration limit, Duration round_trip) {
    const auto margin = std::chrono::seconds{1} + round_trip * 3 / 2;
    return std::max(limit - margin, limit / 2);
}

}  // namespace nikawa::pool
