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

/// What is known of a failure beside itself.
struct Circumstances {
    const pool::Outage* outage = nullptr;  ///< if any: why the origin could not be asked
    std::string more = {};                 ///< in words, to stand behind the cause
    std::string_view advice = {};          ///< what helps, where that is not as always

    [[nodiscard]] bool has_any() const { return outage != nullptr || !more.empty(); }
};

/// The failure in words; with an outage since when, why, and when the next attempt is made.
std::string reason_of(const Failure& failure, const Circumstances& known);

/// A Host that names no origin, as it can be shown to who sent it: "Host: api.example.com". What is
/// not visible ASCII is escaped, a user's name and password are left out, and so is the end of a
/// long one. Empty for an empty one.
std::string shown_host(std::string_view host);

/// The answer to a request that failed. `subject` is the origin, "https://api.example.com", or the
/// `shown_host()` that names none, or empty; `via_name` is who speaks in Proxy-Status.
OwnAnswer own_answer(const Failure& failure,
                     std::string_view subject,
                     std::string_view request_id,
                     std::string_view via_name,
                     const Circumstances& known = {});

}  // namespace nikawa::proxy
