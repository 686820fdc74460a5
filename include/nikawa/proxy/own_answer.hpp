#pragma once

#include <string>
#include <string_view>

#include "nikawa/base/failure.hpp"
#include "nikawa/http/head.hpp"
#include "nikawa/pool/dial_back_off.hpp"

namespace nikawa::proxy {

/// A response that is ours and not an origin's.
struct OwnAnswer {
    http::ResponseHead head;  ///< with Content-Length, Content-Type and Proxy-Status (RFC 9209)
    std::string body;         ///< the reason in words, what to do, the request id
};

/// The status that a failure is answered and logged with (docs/architecture.md, Failures); 499 for
/// a client that is gone.
unsigned status_of(const Failure& failure);

/// The failure in words; with an outage since when, why, and when the next attempt is made.
std::string reason_of(const Failure& failure, const pool::Outage* outage);

/// The answer to a request that failed. `origin` is "https://api.example.com" where one was
/// named, else empty; `via_name` is who speaks in Proxy-Status. `outage`, if any, is why the origin
/// could not be asked.
OwnAnswer own_answer(const Failure& failure,
                     std::string_view origin,
                     std::string_view request_id,
                     std::string_view via_name,
                     const pool::Outage* outage = nullptr);

}  // namespace nikawa::proxy
