#pragma once

#include <cstdint>
#include <string>

#include "demo/openssl_types.hpp"
#include "demo/stoppable_thread.hpp"
#include "nikawa/base/result.hpp"
#include "nikawa/base/time.hpp"

namespace nikawa::demo {

/// Where the time of one request on a new connection went, as its client saw it.
struct Timing {
    Duration connect{};
    Duration tls{};         ///< zero without TLS
    Duration first_byte{};  ///< from sending the request to the first byte of the response
    Duration total{};       ///< to its last byte
};

struct TimedResponse {
    Timing timing;
    unsigned status = 0;
    std::string body;
};

/// Who is asked, and how.
struct Destination {
    std::uint16_t port = 0;  ///< of 127.0.0.1
    std::string host;        ///< the Host field, "name:port"
    SSL_CTX* tls = nullptr;  ///< null speaks plain HTTP; else TLS, and the name is verified
};

/// A client's TLS context that trusts the certificates in `ca_pem` and no others. Throws
/// std::runtime_error.
SslContext make_client_context(const std::string& ca_pem);

/// GETs / over a new connection as a script does that keeps nothing between requests, and waits
/// for the whole response.
/// Errors: connect_failed, tls_failed, tls_certificate_rejected, peer_closed, malformed,
/// response_head_timed_out once `until` has come, abandoned after `stop`.
Result<TimedResponse> get(const Destination& destination, TimePoint until, const StopSignal& stop);

}  // namespace nikawa::demo
