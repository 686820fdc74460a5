#pragma once

#include <string_view>

#include "nikawa/base/failure.hpp"
#include "nikawa/pool/retry_budget.hpp"

namespace nikawa::proxy {

/// What is known of an attempt that failed after a stream had been acquired.
struct FailedAttempt {
    std::string_view method;
    Failure failure;
    bool session_reused = false;    ///< the session was not made for this exchange: it may be stale
    bool response_begun = false;    ///< bytes of a response have arrived
    bool request_is_whole = false;  ///< all that was taken of the body can be sent again
    unsigned attempts = 1;          ///< made so far, this one included
};

/// Whether the method is idempotent by its definition (RFC 9110 §9.2.2); unknown ones are not.
bool is_idempotent(std::string_view method);

/// Whether the method is safe by its definition (RFC 9110 §9.2.1): harmless even if it reaches the
/// origin twice, and at another time.
bool is_safe(std::string_view method);

/// Whether the same request may be sent again on another stream: when the origin has certainly not
/// acted on it (RFC 9113 §8.7, or HTTP_1_1_REQUIRED), any request, at most twice; when a session
/// that had been idle turned out to be closed, an idempotent one, once (RFC 9110 §9.2.2, RFC 9112
/// §9.3.1).
bool may_resend(const FailedAttempt& attempt);

/// What that costs of the origin's budget. Free is the first time that a session ends before the
/// origin acted on the request: it does so to all that are under way when it restarts, or wants
/// HTTP/1.1, none of which may be lost, and nothing comes of it but one more attempt for each. A
/// second time, a request that a living session declined, and whatever the origin may have worked
/// on, is how a storm begins.
pool::RetryCost retry_cost(const FailedAttempt& attempt);

}  // namespace nikawa::proxy
