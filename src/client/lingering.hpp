#pragma once

#include "client/inactivity.hpp"
#include "nikawa/loop/task.hpp"

namespace nikawa::client {

/// The rest of a request body is read after the response for so long, where that is over before:
/// the connection is of use after it.
inline constexpr Duration longest_skipping = std::chrono::seconds{2};

/// Whoever sends nothing for so long has got what we sent.
inline constexpr Duration linger_silence = std::chrono::seconds{2};

/// Ends our side of the connection and reads what the client still sends until it has seen that, is
/// silent, or has sent for as long as `longest`: closing at once would reset the connection and
/// could take from the client what was sent last (RFC 9112 §9.6). Many clients read no answer
/// before they have sent all of their request. What is read is thrown away, however many bytes, and
/// costs no more than that of a request that goes on.
Task<void> linger(loop::Loop& loop,
                  net::ByteStream& stream,
                  Inactivity& inactivity,
                  Duration longest);

}  // namespace nikawa::client
