#pragma once

#include <string>
#include <string_view>

#include "nikawa/base/failure.hpp"
#include "nikawa/http/head.hpp"

namespace nikawa::proxy {

/// A response that is ours and not an origin's.
struct OwnAnswer {
    http::ResponseHead head;  ///< with Content-Length, Content-Type and Proxy-Status (RFC 9209)
    std::string body;         ///< the reason in words, what to do, the request id
};

/// The status that a failure is answered and logged with (docs/architecture.md, Failures); 499 for
/// a client that is gone.
unsigned status_of(const Failure& failure);

/// The answer to a request that failed. `origin` is "https://api.example.com" where one was
/// named, else empty; `via_name` is who speaks in Proxy-Status.
OwnAnswer own_answer(const Failure& failure,
                     std::string_view origin,
                     std::string_view request_id,
                     std::string_view via_name);

}  // namespace nikawa::proxy
