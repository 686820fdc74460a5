#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace nikawa {

/// What went wrong, by the table of docs/architecture.md section 10.
enum class Errc : std::uint8_t {
    bad_head,
    bad_framing,
    bad_host,
    bad_method,
    bad_version,
    bad_expectation,
    tunnel_refused,
    tunnel_timed_out,
    signature_refused,
    signed_body_too_large,
    head_too_large,
    target_too_long,
    body_too_large,
    head_timed_out,
    request_body_timed_out,
    loop_detected,
    client_denied,
    target_denied,
    address_denied,
    too_many_connections,
    descriptors_exhausted,
    memory_exhausted,
    client_gone,
    connection_error,
    pool_full,
    pool_closed,
    origin_failing,
    acquire_timed_out,
    resolve_failed,
    resolve_timed_out,
    connect_failed,
    connect_timed_out,
    tls_failed,
    tls_certificate_rejected,
    tls_timed_out,
    stream_refused,
    stream_declined,
    http_1_1_required,
    stream_reset,
    path_in_doubt,
    peer_closed,
    malformed,
    response_head_too_large,
    response_head_timed_out,
    response_body_timed_out,
    write_timed_out,
    abandoned,
};

/// Whose doing a failure is.
enum class Side : std::uint8_t { client, self, origin };

/// One failure, complete where it is made: small, trivially copied, never re-worded on its way up.
struct Failure {
    Errc code;
    Side side;
    boost::system::error_code cause = {};  ///< what the system or a library said, if anything

    friend bool operator==(const Failure& a, const Failure& b) {
        return a.code == b.code && a.side == b.side && a.cause == b.cause;
    }
};

/// The name of a code as it stands in the access log: "connect_timed_out".
std::string_view name_of(Errc code);

/// The failure in words for an operator or a client: "the connection to the origin failed
/// (Connection refused)". Holds nothing of the request but `more`, which stands behind the cause.
std::string describe(const Failure& failure, std::string_view more = {});

}  // namespace nikawa
