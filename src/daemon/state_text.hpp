#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/pool/origin_status.hpp"

namespace nikawa::daemon {

using RememberedOrigins = std::vector<pool::RememberedOrigin>;

/// Of more origins than this, those used last are remembered.
inline constexpr std::size_t most_remembered_origins = 2000;

/// No state file that we write is longer.
inline constexpr std::size_t longest_state_bytes = 2 * 1024 * 1024;

/// What a state file says. Entries that cannot be true are left out.
struct ParsedState {
    RememberedOrigins origins;  ///< each once, those used last first
    std::string problem;        ///< why the file is of no use; empty if it is
};

/// Reads the text of a state file, as of `now`.
ParsedState parse_state(std::string_view text, std::chrono::system_clock::time_point now);

/// The text of a state file: JSON, with the URL and the time of last use of each origin, and what
/// was learned of it. Origins that were never used are left out.
std::string format_state(const RememberedOrigins& origins,
                         std::chrono::system_clock::time_point now);

/// Makes one entry of all that are about the same origin, with the latest use and the highest peak;
/// those used last come first, and not too many of them.
RememberedOrigins merged(RememberedOrigins origins);

}  // namespace nikawa::daemon
