#include "nikawa/base/failure.hpp"

namespace nikawa {
namespace {

struct Words {
    std::string_view name;
    std::string_view text;
};

constexpr Words words(Errc code) {
    switch (code) {
        case Errc::bad_head: return {"bad_head", "the request head is malformed"};
        case Errc::bad_framing:
            return {"bad_framing", "the length of the request body is ambiguous"};
        case Errc::bad_host: return {"bad_host", "the Host does not name an origin"};
        case Errc::bad_method: return {"bad_method", "statistics are only to be read"};
        case Errc::bad_version:
            return {"bad_version", "the request's version of HTTP is none that is spoken here"};
        case Errc::bad_expectation:
            return {"bad_expectation", "the request expects what cannot be promised"};
        case Errc::tunnel_refused: return {"tunnel_refused", "this proxy makes no such tunnel"};
        case Errc::tunnel_timed_out:
            return {"tunnel_timed_out", "nothing has passed through the tunnel for too long"};
        case Errc::signature_refused:
            return {"signature_refused", "the request's AWS signature was not accepted"};
        case Errc::signed_body_too_large:
            return {"signed_body_too_large", "the body is too large to verify its AWS signature"};
        case Errc::head_too_large: return {"head_too_large", "the request head is too large"};
        case Errc::target_too_long: return {"target_too_long", "the request target is too long"};
        case Errc::body_too_large: return {"body_too_large", "the request body is too large"};
        case Errc::head_timed_out:
            return {"head_timed_out", "the request head was not complete in time"};
        case Errc::request_body_timed_out:
            return {"request_body_timed_out", "the client stopped sending the request body"};
        case Errc::loop_detected:
            return {"loop_detected", "the request seems to go round in a loop"};
        case Errc::client_denied: return {"client_denied", "this client may not use this proxy"};
        case Errc::target_denied:
            return {"target_denied", "this origin may not be reached through this proxy"};
        case Errc::address_denied:
            return {"address_denied", "the origin's address may not be reached through this proxy"};
        case Errc::too_many_connections:
            return {"too_many_connections", "the proxy has as many client connections as it may"};
        case Errc::descriptors_exhausted:
            return {"descriptors_exhausted", "the proxy has no file descriptor left"};
        case Errc::memory_exhausted:
            return {"memory_exhausted", "the proxy holds as many body bytes as it may"};
        case Errc::client_gone: return {"client_gone", "the client closed its connection"};
        case Errc::connection_error:
            return {"connection_error", "the client broke the rules of HTTP/2"};
        case Errc::pool_full: return {"pool_full", "too many requests are waiting for this origin"};
        case Errc::pool_closed: return {"pool_closed", "the proxy is shutting down"};
        case Errc::origin_failing:
            return {"origin_failing", "no connection to the origin can be made at present"};
        case Errc::acquire_timed_out:
            return {"acquire_timed_out", "no connection to the origin became free in time"};
        case Errc::resolve_failed:
            return {"resolve_failed", "the origin's name could not be resolved"};
        case Errc::resolve_timed_out:
            return {"resolve_timed_out", "the origin's name was not resolved in time"};
        case Errc::connect_failed: return {"connect_failed", "the connection to the origin failed"};
        case Errc::connect_timed_out:
            return {"connect_timed_out", "the origin did not accept a connection in time"};
        case Errc::tls_failed: return {"tls_failed", "TLS with the origin failed"};
        case Errc::tls_certificate_rejected:
            return {"tls_certificate_rejected", "the origin's certificate was rejected"};
        case Errc::tls_timed_out:
            return {"tls_timed_out", "the origin did not finish the TLS handshake in time"};
        case Errc::stream_refused:
            return {"stream_refused",
                    "the origin ended the session before it acted on the request"};
        case Errc::stream_declined:
            return {"stream_declined", "the origin declined the request without acting on it"};
        case Errc::http_1_1_required:
            return {"http_1_1_required", "the origin takes the request over HTTP/1.1 only"};
        case Errc::stream_reset: return {"stream_reset", "the origin reset the stream"};
        case Errc::path_in_doubt:
            return {"path_in_doubt", "the path to the origin has gone silent"};
        case Errc::peer_closed:
            return {"peer_closed",
                    "the origin closed the connection before its response was complete"};
        case Errc::malformed: return {"malformed", "the origin's response is malformed"};
        case Errc::response_head_too_large:
            return {"response_head_too_large", "the head of the origin's response is too large"};
        case Errc::response_head_timed_out:
            return {"response_head_timed_out", "the origin did not answer in time"};
        case Errc::response_body_timed_out:
            return {"response_body_timed_out", "the origin stopped sending its response"};
        case Errc::write_timed_out: return {"write_timed_out", "the peer stopped taking data"};
        case Errc::abandoned: return {"abandoned", "the exchange was given up"};
    }
    return {"unknown", "unknown failure"};
}

}  // namespace

std::string_view name_of(Errc code) { return words(code).name; }

std::string describe(const Failure& failure, std::string_view more) {
    std::string text{words(failure.code).text};
    if (!failure.cause && more.empty()) return text;
    text.append(" (");
    if (failure.cause) text.append(failure.cause.message());
    if (failure.cause && !more.empty()) text.append("; ");
    return text.append(more).append(")");
}

}  // namespace nikawa
