#pragma once

#include <cstdint>

#include "nikawa/base/result.hpp"
#include "nikawa/proxy/own_answer.hpp"

namespace nikawa::proxy {

/// How far a request is to go (RFC 9110 §7.6.2).
enum class Reach : std::uint8_t {
    origin,  ///< as far as any
    here,    ///< we are its final recipient
};

/// What Max-Forwards says of an OPTIONS or TRACE; on other methods it says nothing.
/// Errors: bad_head for a value that is no number, and for more than one.
Result<Reach> reach_of(const http::RequestHead& head);

/// Counts it down, in a request that goes on. A number too large for us is taken for the largest we
/// know.
void count_down_forwards(http::RequestHead& head);

/// The answer of a final recipient: to OPTIONS what may be asked for, to TRACE the request as it
/// came (RFC 9110 §9.3.8), without the fields that hold credentials.
OwnAnswer final_answer(const http::RequestHead& head);

}  // namespace nikawa::proxy
