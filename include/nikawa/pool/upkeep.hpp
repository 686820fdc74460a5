#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "nikawa/base/time.hpp"
#include "nikawa/pool/dial_reason.hpp"

namespace nikawa::pool {

/// One session that may still be given out, as the upkeep sees it.
struct SessionView {
    std::size_t streams = 0;    ///< open
    std::size_t exchanges = 0;  ///< carried so far
    Duration idle{};            ///< for how long it has had no stream
    Duration age{};
    Duration silence{};         ///< since the origin last sent anything
    bool answers_ping = false;  ///< it speaks HTTP/2
    bool has_left = false;      ///< DNS no longer names its address

    /// For how long it has had to prove itself: nothing is given out on it.
    std::optional<Duration> doubtful{};
};

/// What bears on what a pool should do now.
struct UpkeepFacts {
    std::span<const SessionView> sessions{};
    std::size_t dials = 0;                ///< under way
    std::size_t leaving = 0;              ///< sessions not shown: they finish what they carry
    bool is_warm = false;                 ///< used lately, or to be kept for ever
    bool may_dial = true;                 ///< not while a failed dial is waited off
    bool is_failing = false;              ///< no dial has been of use since one failed
    std::size_t recent_peak = 0;          ///< exchanges at once, of late
    std::size_t streams_per_session = 1;  ///< 1 over HTTP/1.1
    Duration round_trip{};
    Duration dial_time{};
    std::optional<Duration> idle_limit{};  ///< the origin's
    std::size_t request_limit = 1000;      ///< the origin's
    Duration ping_interval{};
};

/// What the operator allows.
struct UpkeepLimits {
    std::optional<std::size_t> max_idle{};  ///< without it the recent peak decides
    Duration idle_timeout{};                ///< a session idle for longer goes; zero: none does
    std::size_t max_sessions = 0;           ///< dials included; 0 is no limit
    std::size_t max_warm = 128;             ///< sessions dialled ahead of demand, at most
};

/// What a pool should do now, and when to ask again.
struct UpkeepPlan {
    struct Drain {
        std::size_t session;  ///< its place among the views
        DialReason reason;    ///< why whoever finds it gone would have to wait
    };

    std::size_t dials = 0;
    std::optional<DialReason> reason;  ///< of the dials, if they replace sessions that are to go
    std::vector<Drain> drain;
    std::vector<std::size_t> probe;   ///< places of sessions to be asked for a sign of life
    Duration next = Duration::max();  ///< until there is something to do, if nothing happens before
    Duration idle_horizon = Duration::max();  ///< a session that becomes idle needs nothing before
};

/// How many sessions an origin in use should have ready, at most `most`.
///
/// Over HTTP/1.1 as many as the recent peak used. Over HTTP/2 one to an origin nearby; to one far
/// away up to twelve share the load, so that a lost segment holds up few exchanges, and a burst
/// fits the windows of ten segments with which idle sessions start; and in any case as many as it
/// takes to stay away from the peer's stream limit.
std::size_t sessions_wanted(const UpkeepFacts& facts, std::size_t most);

/// Decides what keeps the next exchange from waiting: sessions are dialled ahead, asked for a sign
/// of life, replaced before the origin ends them, and let go when they are of no more use.
UpkeepPlan plan_upkeep(const UpkeepFacts& facts, const UpkeepLimits& limits);

}  // namespace nikawa::pool
