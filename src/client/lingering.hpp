#pragma once

#include <cstddef>

#include "client/inactivity.hpp"
#include "nikawa/loop/task.hpp"

namespace nikawa::client {

/// How long a close lingers at most, and over how many bytes.
inline constexpr Duration linger_time = std::chrono::seconds{2};
inline constexpr std::size_t linger_bytes = 1024 * 1024;

/// Ends our side of the connection and reads what the client still sends until it has seen that, or
/// for a while: closing at once would reset the connection and could take from the client what was
/// sent last (RFC 9112 §9.6).
Task<void> linger(net::ByteStream& stream, Inactivity& inactivity, TimePoint now);

}  // namespace nikawa::client
