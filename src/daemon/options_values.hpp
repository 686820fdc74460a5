#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nikawa/http/origin.hpp"

namespace nikawa::daemon {

/// Decimal digits and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// Bytes: a number that may end in k, m or g (KiB, MiB, GiB), in either letter case.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// A time as Go writes it ("1h30m", "500ms", "1.5s"; also "d" for days), or a bare number of
/// `bare_unit`. What is more than nothing is at least 1 ms.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text,
                                                        std::chrono::seconds bare_unit);

/// true, yes, on or 1; false, no, off or 0.
std::optional<bool> parse_flag(std::string_view text);

/// "https://host[:port][/]": an origin and nothing more.
std::optional<http::Origin> parse_origin_url(std::string_view text);

/// An IPv4 or IPv6 address without brackets.
bool is_address(std::string_view text);

/// An address, or one with a port: "192.0.2.53:5353", "[2001:db8::53]:5353".
bool is_address_with_port(std::string_view text);

/// RFC 9110 section 5.6.2.
bool is_token(std::string_view text);

/// One label of a host name: up to 63 letters, digits, hyphens and underscores.
bool is_host_label(std::string_view text);

}  // namespace nikawa::daemon
