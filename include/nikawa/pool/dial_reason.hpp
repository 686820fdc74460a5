#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nikawa::pool {

/// Why a session had to be dialled, and so why an exchange that waited for one was not warm.
enum class DialReason : std::uint8_t {
    first_use,      ///< the origin is new, or was not used for so long that it was forgotten
    at_start,       ///< remembered from the run before, or named by the operator
    peak_exceeded,  ///< every session was busy, or nearly
    origin_closed,  ///< the origin closed a session, or said that it takes no more on it
    idle_limit,     ///< replaced before the origin closes it for having been idle
    worn,           ///< replaced before the origin ends it for its age or number of requests
    address_left,   ///< replaced because DNS no longer names its address
    path_silent,    ///< the path to the origin went silent
    broken,         ///< a session failed
    dial_failed,    ///< a dial before this one failed
    let_go,         ///< the last session was idle for longer than it is kept
};

inline constexpr std::size_t dial_reasons = 11;

/// The reason as it stands in logs and statistics: "peak_exceeded".
constexpr std::string_view name_of(DialReason reason) {
    constexpr std::array<std::string_view, dial_reasons> names{"first_use",
                                                               "at_start",
                                                               "peak_exceeded",
                                                               "origin_closed",
                                                               "idle_limit",
                                                               "worn",
                                                               "address_left",
                                                               "path_silent",
                                                               "broken",
                                                               "dial_failed",
                                                               "let_go"};
    return names[static_cast<std::size_t>(reason)];
}

}  // namespace nikawa::pool
