#pragma once

#include <cstdint>

#include "nikawa/base/failure.hpp"

namespace nikawa::client {

/// Why we leave a client's stream; the values are the codes that its RST_STREAM carries
/// (RFC 9113 §7).
enum class H2Reset : std::uint32_t {
    complete = 0x0,   ///< NO_ERROR: the rest of the request is not needed (RFC 9113 §8.1)
    malformed = 0x1,  ///< PROTOCOL_ERROR: the request is not as it said that it would be
    broken = 0x2,     ///< INTERNAL_ERROR: the response cannot be completed
    cancelled = 0x8,  ///< CANCEL: somebody gave the request up, and not by failing
    too_much = 0xb,   ///< ENHANCE_YOUR_CALM: a limit was met
};

/// How a response that `why` ends after its head is reset. An origin's own code is passed on where
/// it says something of the request and nothing else. Others speak of the origin's connection, or
/// mislead: after NO_ERROR some take what they have for the whole, and REFUSED_STREAM would say
/// that nothing was done yet (RFC 9113 §8.7).
H2Reset reset_for(const Failure& why);

}  // namespace nikawa::client
