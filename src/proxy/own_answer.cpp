#include "nikawa/proxy/own_answer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "nikawa/base/escape.hpp"
#include "nikawa/mapping/host_fault.hpp"
#include "nikawa/net/tls_alert.hpp"
#include "nikawa/telemetry/exchange_record.hpp"
#include "proxy/connect_target.hpp"

namespace nikawa::proxy {
namespace {

// What a failure is to the client: the status, RFC 9209's name of the error, and what helps.
struct Verdict {
    unsigned status;
    std::string_view proxy_status;  // empty: the failure is not between us and an origin
    std::string_view advice;
};

constexpr std::string_view try_again = "Try again; if it stays, look at the origin.";

constexpr Verdict verdict(Errc code) {
    switch (code) {
        case Errc::bad_head: return {400, "http_request_error", "Send a valid HTTP/1.1 request."};
        case Errc::bad_framing:
            return {400,
                    "http_request_error",
                    "Send either one Content-Length or 'Transfer-Encoding: chunked'."};
        case Errc::bad_host:
            return {400,
                    "http_request_error",
                    "Expected the origin's name followed by a marker label, as in "
                    "'Host: api.example.com.ccnproxy-https' for https://api.example.com; or, with "
                    "us as the HTTP proxy, a target 'http://api.example.com.ccnproxy-https/'. The "
                    "operator can have plain names understood with --https-for and [map]."};
        case Errc::bad_method: return {405, "http_request_error", "Send a GET or a HEAD."};
        case Errc::bad_version: return {505, "http_request_error", "Send an HTTP/1.1 request."};
        case Errc::bad_expectation:
            return {417, "http_request_error", "Send no Expect but '100-continue'."};
        case Errc::tunnel_refused:
            return {403,
                    "http_request_denied",
                    "Send plain HTTP and name the origin, as in "
                    "'Host: api.example.com.ccnproxy-https' for https://api.example.com: that "
                    "shares connections, which a tunnel cannot."};
        case Errc::tunnel_timed_out: return {504, "connection_timeout", ""};
        case Errc::signature_refused: return {403, "http_request_denied", ""};
        case Errc::signed_body_too_large:
            return {413,
                    "http_request_error",
                    "The operator can raise --aws-max-body and --aws-max-chunk."};
        case Errc::head_timed_out:
            return {408, "http_request_error", "Send the whole head without a pause."};
        case Errc::request_body_timed_out:
            return {408, "http_request_error", "Send the body without long pauses."};
        case Errc::body_too_large:
            return {413, "http_request_error", "The operator can raise --max-body-bytes."};
        case Errc::target_too_long:
            return {414, "http_request_error", "The operator can raise --max-request-line-bytes."};
        case Errc::head_too_large:
            return {431,
                    "http_request_error",
                    "Send fewer or smaller fields, or let the operator raise --max-head-bytes."};
        case Errc::client_gone:
        case Errc::connection_error:
        case Errc::abandoned: return {499, "", ""};
        case Errc::loop_detected:
            return {508, "proxy_loop_detected", "Check what the origin's name resolves to."};
        case Errc::client_denied:
            return {403,
                    "http_request_denied",
                    "The operator can let this client in with --allow-client."};
        case Errc::target_denied:
            return {403,
                    "http_request_denied",
                    "The operator decides by --allow-target, --deny-target and --allow-port."};
        case Errc::address_denied:
            return {
                403, "destination_ip_prohibited", "Check the origin's name and what it leads to."};
        case Errc::too_many_connections:
            return {503,
                    "connection_limit_reached",
                    "Try again in a moment; the operator can raise --max-conns."};
        case Errc::descriptors_exhausted:
            return {503,
                    "proxy_internal_error",
                    "Try again in a moment; the operator can raise the limit of open files."};
        case Errc::memory_exhausted:
            return {503,
                    "proxy_internal_error",
                    "Try again in a moment; the operator can raise --max-body-memory."};
        case Errc::origin_failing:
            return {503, "destination_unavailable", "Try again later; look at the origin."};
        case Errc::pool_full: return {503, "connection_limit_reached", "Try again in a moment."};
        case Errc::pool_closed: return {503, "http_request_denied", "Try again in a moment."};
        case Errc::acquire_timed_out:
            return {504, "connection_limit_reached", "Try again in a moment."};
        case Errc::resolve_failed:
            return {502, "dns_error", "Check the origin's name and the resolver."};
        case Errc::resolve_timed_out: return {504, "dns_timeout", "Check the resolver."};
        case Errc::connect_failed: return {502, "destination_unavailable", try_again};
        case Errc::connect_timed_out: return {504, "connection_timeout", try_again};
        case Errc::tls_failed: return {502, "tls_protocol_error", try_again};
        case Errc::tls_certificate_rejected:
            return {502,
                    "tls_certificate_error",
                    "Check the origin's certificate; the operator can have its issuer trusted with "
                    "ca-file in a section [origin ...] of the configuration file."};
        case Errc::tls_timed_out: return {504, "connection_timeout", try_again};
        case Errc::stream_declined:
        case Errc::stream_refused:
        case Errc::stream_reset:
        case Errc::path_in_doubt:
        case Errc::peer_closed: return {502, "connection_terminated", try_again};
        case Errc::http_1_1_required:
            return {502, "http_protocol_error", "Send it again: it will go over HTTP/1.1."};
        case Errc::malformed: return {502, "http_protocol_error", try_again};
        case Errc::response_head_too_large:
            return {502, "http_response_header_section_size", "Look at the origin."};
        case Errc::response_head_timed_out:
            return {504,
                    "http_response_timeout",
                    "Look at the origin, or let the operator raise --proxy-read-timeout."};
        case Errc::response_body_timed_out: return {504, "http_response_timeout", try_again};
        case Errc::write_timed_out: return {504, "connection_write_timeout", try_again};
    }
    return {500, "proxy_internal_error", ""};
}

constexpr std::string_view advice_on_tunnels(TunnelRefusal why, std::string_view advice) {
    switch (why) {
        case TunnelRefusal::switched_off:
        case TunnelRefusal::port: break;
        case TunnelRefusal::marked_host:
        case TunnelRefusal::target:
        case TunnelRefusal::body: return "";  // the reason says it
        case TunnelRefusal::fixed_origin: return "Send plain HTTP: every request goes there.";
        case TunnelRefusal::not_http_1: return "Ask for the tunnel over HTTP/1.1.";
    }
    return advice;
}

// What helps with this failure, where the cause tells more than the code.
std::string_view advice_on(const Failure& failure, std::string_view advice) {
    if (failure.code == Errc::bad_host) {
        const bool has_no_marker = failure == mapping::bad_host(mapping::HostFault::empty) ||
                                   failure == mapping::bad_host(mapping::HostFault::unmarked);
        return has_no_marker ? advice : "";
    }
    if (const auto why = tunnel_refusal(failure)) return advice_on_tunnels(*why, advice);
    return advice;
}

// A structured field string (RFC 8941 §3.3.3) holds printable ASCII only.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c < ' ' || c > '~' ? '?' : c);
    }
    return out.append("\"");
}

// In whole seconds.
std::int64_t wait_before_retry(const pool::Outage* outage) {
    const auto wait = outage == nullptr ? Duration::zero() : outage->next_attempt_in;
    return std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(wait).count(), 1);
}

// "12.3 s", and from a hundred on in whole ones.
std::string seconds_text(Duration time) {
    constexpr std::int64_t tenths_from_where_on_whole = 1000;
    const auto tenths = time / std::chrono::milliseconds{100};
    std::string text = std::to_string(tenths / 10);
    if (tenths < tenths_from_where_on_whole) text.append(".").append(std::to_string(tenths % 10));
    return text.append(" s");
}

}  // namespace

std::string shown_host(std::string_view host) {
    constexpr std::size_t most_bytes = 300;  // a name of full length, its marker and port
    host = telemetry::without_userinfo(host);
    if (host.empty()) return {};
    std::string shown = "Host: ";
    for (const char c : host.substr(0, most_bytes)) {
        if (c > ' ' && c <= '~' && c != '\\') {
            shown.push_back(c);
            continue;
        }
        append_escaped(shown, c);
    }
    if (host.size() > most_bytes) shown.append("...");
    return shown;
}

std::string reason_of(const Failure& failure, const Circumstances& known) {
    std::string reason = describe(failure, known.more);
    const auto* const outage = known.outage;
    if (outage == nullptr) return reason;
    reason.append(": for ").append(seconds_text(outage->lasting)).append(" ");
    reason.append(describe(outage->last));
    if (outage->next_attempt_in == Duration::zero())
        return reason.append("; an attempt is under way");
    return reason.append("; the next attempt is in ")
        .append(std::to_string(wait_before_retry(outage)))
        .append(" s");
}

unsigned status_of(const Failure& failure) {
    if (failure.code == Errc::write_timed_out && failure.side == Side::client) return 499;
    return verdict(failure.code).status;
}

OwnAnswer own_answer(const Failure& failure,
                     std::string_view subject,
                     std::string_view request_id,
                     std::string_view via_name,
                     const Circumstances& known) {
    Verdict found = verdict(failure.code);
    found.advice = known.advice.empty() ? advice_on(failure, found.advice) : known.advice;
    if (failure.cause == boost::system::errc::connection_refused) {
        found.proxy_status = "connection_refused";
    }
    const auto alert = net::received_alert(failure.cause);
    if (alert) found.proxy_status = "tls_alert_received";
    const std::string reason = reason_of(failure, known);

    OwnAnswer answer;
    answer.body.append(std::to_string(found.status))
        .append(" ")
        .append(http::reason_phrase(found.status))
        .append(": ")
        .append(reason);
    if (!subject.empty()) answer.body.append(" [").append(subject).append("]");
    answer.body.append(".\n");
    if (!found.advice.empty()) answer.body.append(found.advice).append("\n");
    if (!request_id.empty()) answer.body.append("Request ID: ").append(request_id).append("\n");

    answer.head.status = found.status;
    auto& fields = answer.head.fields;
    fields.add("Content-Type", "text/plain; charset=utf-8");
    fields.add("Content-Length", std::to_string(answer.body.size()));
    if (found.status == 405) fields.add("Allow", "GET, HEAD");  // RFC 9110 §15.5.6
    if (found.status == 503)
        fields.add("Retry-After", std::to_string(wait_before_retry(known.outage)));
    if (!found.proxy_status.empty()) {
        std::string value{via_name};
        value.append("; error=").append(found.proxy_status);
        if (alert) {
            value.append("; alert-id=").append(std::to_string(alert->id));
            value.append("; alert-message=").append(quoted(alert->name));
        }
        value.append("; details=").append(quoted(reason));
        fields.add("Proxy-Status", value);
    }
    return answer;
}

}  // namespace nikawa::proxy
