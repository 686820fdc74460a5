#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nikawa/base/failure.hpp"
#include "nikawa/base/time.hpp"

namespace nikawa::telemetry {

/// The facts of one exchange, filled along the way; the log line and the metrics come from it
/// alone. The views need to live only while the record is written.
struct ExchangeRecord {
    // chocon's
    std::chrono::system_clock::time_point time{};  ///< when the request began
    std::string_view client_address{};
    std::string_view method{};
    std::string_view path{};           ///< the target's path, without the query, as chocon logs it
    unsigned status = 0;               ///< 499 when the client was gone before it had its answer
    std::uint64_t response_bytes = 0;  ///< of body
    std::string_view user_agent{};
    Duration total{};
    std::string_view host{};  ///< as the client sent it
    std::string_view request_id{};

    // ours
    std::string_view origin{};          ///< "https://api.example.com", "tcp://a.example:443"; may be empty
    std::string_view origin_address{};  ///< "192.0.2.1:443" of the last attempt
    std::string_view protocol{};        ///< "h2" or "http/1.1" of the last attempt; "tcp"
    bool reused = false;                ///< the session had carried an exchange before
    std::string_view cold{};            ///< why it had to wait for a stream; empty if it did not
    bool hedged = false;  ///< repeated while the first attempt was still out, its path in doubt
    unsigned attempts = 0;
    std::uint64_t request_bytes = 0;  ///< of body
    Duration resolve{};               ///< steps of the dial that this exchange waited for
    Duration connect{};
    Duration tls{};
    Duration wait{};                       ///< until a stream was there, the dial included
    std::optional<Duration> first_byte{};  ///< from the beginning to the response head
    bool is_tunnel = false;  ///< it became one: its bytes were no bodies, its time no response's
    std::optional<Failure> failure{};
    std::string_view failure_detail{};  ///< in words, where there is more to say than `describe()`
    std::string_view trace_id{};  ///< of a valid traceparent (W3C Trace Context)
};

/// A host or target without what is before an @, which may be a password and is not to be logged.
constexpr std::string_view without_userinfo(std::string_view text) {
    return text.substr(text.rfind('@') + 1);  // npos + 1 is 0
}

}  // namespace nikawa::telemetry
