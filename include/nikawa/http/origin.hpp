#pragma once

#include <cstdint>
#include <string>

namespace nikawa::http {

/// The URI schemes we speak to an origin.
enum class Scheme : std::uint8_t { http, https };

/// The port a scheme means when none is named: 80 or 443.
constexpr std::uint16_t default_port(Scheme scheme) { return scheme == Scheme::https ? 443 : 80; }

/// The identity of who answers a request (RFC 9110 §4.3.1): scheme, host and port. The host is in
/// lower case, without a trailing dot; an IPv6 address stands without its brackets.
struct Origin {
    Scheme scheme = Scheme::https;
    std::string host;
    std::uint16_t port = 443;

    /// "host" or "host:port" as it stands in a Host field: the default port left out, an IPv6
    /// address in brackets.
    [[nodiscard]] std::string authority() const;

    /// "https://host:port", the default port left out.
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const Origin&, const Origin&) = default;
};

}  // namespace nikawa::http
