#pragma once

#include "client/inactivity.hpp"
#include "nikawa/loop/task.hpp"

namespace nikawa::client {

/// How long a close lingers at most, over however many bytes: many clients read no answer before
/// they have sent all of their request, and lose it when that fails. What is read is thrown away,
/// and costs no more than that of a request that goes on.
inline constexpr Duration linger_time = std::chrono::seconds{2};

/// Ends our side of the connection and reads what the client still sends until it has seen that, or
/// for a while: closing at once would reset the connection and could take from the client what was
/// sent last (RFC 9112 §9.6).
Task<void> linger(loop::Loop& loop, net::ByteStream& stream, Inactivity& inactivity);

}  // namespace nikawa::client
