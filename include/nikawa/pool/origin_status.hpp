#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "nikawa/base/failure.hpp"
#include "nikawa/http/origin.hpp"
#include "nikawa/net/dialer.hpp"
#include "nikawa/pool/dial_back_off.hpp"
#include "nikawa/pool/dial_reason.hpp"

namespace nikawa::pool {

/// What has happened with one origin, since its pool was made. Sums of several shards add up.
struct OriginCounters {
    std::uint64_t exchanges = 0;                       ///< that got a stream, repeats included
    std::uint64_t warm = 0;                            ///< of these, without waiting
    std::array<std::uint64_t, dial_reasons> dials{};   ///< begun, by `DialReason`
    std::array<std::uint64_t, dial_reasons> waited{};  ///< exchanges that waited, by the same
    std::uint64_t failed_dials = 0;
    std::uint64_t resumed_dials = 0;          ///< by a TLS session of before
    std::uint64_t doubts = 0;                 ///< sessions whose path went silent
    std::map<Errc, std::uint64_t> retries{};  ///< requests sent again, by what had failed
    std::uint64_t retries_refused = 0;        ///< for the budget of retries was used up
    Duration saved{};  ///< that warm exchanges did not wait, by the measured time of dials

    OriginCounters& operator+=(const OriginCounters& other);
};

/// How it stands with one origin: a copy to be shown.
struct OriginStatus {
    http::Origin origin;
    OriginCounters counters;
    std::optional<net::Protocol> protocol;
    std::size_t sessions = 0;
    std::size_t idle_sessions = 0;
    std::size_t streams = 0;
    std::size_t dials = 0;
    std::size_t waiters = 0;
    std::size_t recent_peak = 0;
    bool is_warm = false;  ///< kept so
    Duration round_trip{};
    Duration dial_time{};
    std::optional<Duration> idle_limit;
    std::optional<Outage> outage;  ///< no connection can be made
};

/// What is worth knowing of an origin in another life of the daemon.
struct RememberedOrigin {
    http::Origin origin;
    std::optional<net::Protocol> protocol;
    bool requires_http_1_1 = false;  ///< it speaks HTTP/2, and refuses requests over it
    std::optional<Duration> round_trip;
    std::optional<Duration> idle_limit;
    std::size_t peak = 0;
    std::optional<Duration> unused_for;  ///< since its last exchange, if it had one

    friend bool operator==(const RememberedOrigin&, const RememberedOrigin&) = default;
};

}  // namespace nikawa::pool
