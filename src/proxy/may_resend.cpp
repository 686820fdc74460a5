#include "nikawa/proxy/may_resend.hpp"

#include <algorithm>
#include <array>

namespace nikawa::proxy {

bool is_idempotent(std::string_view method) {
    constexpr std::array<std::string_view, 6> methods{
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    return std::find(methods.begin(), methods.end(), method) != methods.end();
}

bool is_safe(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
}

bool may_resend(const FailedAttempt& attempt) {
    constexpr unsigned most_attempts = 3;
    if (!attempt.request_is_whole || attempt.response_begun) return false;
    switch (attempt.failure.code) {
        case Errc::stream_declined:
        case Errc::http_1_1_required:
        case Errc::stream_refused: return attempt.attempts < most_attempts;
        case Errc::tls_failed:  // behind the handshake
        case Errc::peer_closed:
            return attempt.session_reused && attempt.attempts < most_attempts &&
                   is_idempotent(attempt.method);
        default: return false;
    }
}

pool::RetryCost retry_cost(const FailedAttempt& attempt) {
    const auto code = attempt.failure.code;
    const bool is_sent_back = code == Errc::stream_refused || code == Errc::http_1_1_required;
    return is_sent_back && attempt.attempts == 1 ? pool::RetryCost::free : pool::RetryCost::counted;
}

}  // namespace nikawa::proxy
