#include "daemon/options_values.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace nikawa::daemon {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(), [](char c) { return lower(c); });
    return result;
}

bool is_port(std::string_view text) {
    const auto port = parse_number(text);
    return port && *port >= 1 && *port <= 65535;
}

bool is_address(int family, std::string_view text) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return inet_pton(family, std::string{text}.c_str(), bytes.data()) == 1;
}

bool is_host_name(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.empty() || name.size() > 253) return false;
    for (;;) {
        const auto dot = name.find('.');
        if (!is_host_label(name.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        name.remove_prefix(dot + 1);
    }
}

/// A unit of Go's in milliseconds, 0 when it is none.
double unit_milliseconds(std::string_view unit) {
    if (unit == "ns") return 1e-6;
    if (unit == "us" || unit == "µs") return 1e-3;
    if (unit == "ms") return 1;
    if (unit == "s") return 1e3;
    if (unit == "m") return 60e3;
    if (unit == "h") return 3600e3;
    if (unit == "d") return 86400e3;
    return 0;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || rest != end) return std::nullopt;
    return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    unsigned shift = 0;
    switch (text.empty() ? '\0' : lower(text.back())) {
        case 'k': shift = 10; break;
        case 'm': shift = 20; break;
        case 'g': shift = 30; break;
        default: break;
    }
    if (shift > 0) text.remove_suffix(1);
    const auto value = parse_number(text);
    if (!value || *value > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
    return *value << shift;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text,
                                                        std::chrono::seconds bare_unit) {
    if (text.empty()) return std::nullopt;
    const bool bare = text.find_first_not_of("0123456789.") == std::string_view::npos;
    double total = 0;
    while (!text.empty()) {
        if (!is_digit(text.front()) && text.front() != '.') return std::nullopt;
        double value = 0;
        const auto* const end = text.data() + text.size();
        const auto [rest, error] =
            std::from_chars(text.data(), end, value, std::chars_format::fixed);
        if (error != std::errc{}) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(rest - text.data()));

        const auto unit = text.substr(0, text.find_first_of("0123456789."));
        const auto factor =
            bare ? static_cast<double>(bare_unit.count()) * 1e3 : unit_milliseconds(unit);
        if (factor == 0 || (bare && !text.empty())) return std::nullopt;
        text.remove_prefix(unit.size());
        total += value * factor;
    }
    constexpr double longest = 1e14;  // thousands of years; options have their own limits
    if (total > longest) return std::nullopt;
    const auto whole = static_cast<std::int64_t>(std::llround(total));
    return std::chrono::milliseconds{total > 0 ? std::max<std::int64_t>(whole, 1) : 0};
}

std::optional<bool> parse_flag(std::string_view text) {
    const auto word = lower(text);
    if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
    if (word == "false" || word == "no" || word == "off" || word == "0") return false;
    return std::nullopt;
}

std::optional<http::Origin> parse_origin_url(std::string_view text) {
    const auto colon = text.find("://");
    if (colon == std::string_view::npos) return std::nullopt;
    http::Origin origin;
    const auto scheme = lower(text.substr(0, colon));
    if (scheme != "http" && scheme != "https") return std::nullopt;
    origin.scheme = scheme == "https" ? http::Scheme::https : http::Scheme::http;
    origin.port = http::default_port(origin.scheme);

    auto authority = text.substr(colon + 3);
    if (authority.ends_with('/')) authority.remove_suffix(1);
    const bool bracketed = authority.starts_with('[');
    const auto host_end =
        bracketed ? authority.find(']') + 1 : std::min(authority.find(':'), authority.size());
    if (bracketed && host_end == 0) return std::nullopt;
    const auto port = authority.substr(host_end);
    if (!port.empty()) {
        if (port.front() != ':' || !is_port(port.substr(1))) return std::nullopt;
        origin.port = static_cast<std::uint16_t>(*parse_number(port.substr(1)));
    }
    auto host = authority.substr(0, host_end);
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
        if (!is_address(AF_INET6, host)) return std::nullopt;
    } else {
        if (!is_host_name(host)) return std::nullopt;
        if (host.ends_with('.')) host.remove_suffix(1);
    }
    origin.host = lower(host);
    return origin;
}

bool is_address(std::string_view text) {
    return is_address(AF_INET, text) || is_address(AF_INET6, text);
}

bool is_address_with_port(std::string_view text) {
    if (is_address(text)) return true;
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || !is_port(text.substr(colon + 1))) return false;
    const auto host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        return is_address(AF_INET6, host.substr(1, host.size() - 2));
    }
    return is_address(AF_INET, host);
}

bool is_token(std::string_view text) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [=](char c) {
        return is_digit(c) || is_letter(c) || marks.find(c) != std::string_view::npos;
    });
}

bool is_host_label(std::string_view text) {
    return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
        return is_digit(c) || is_letter(c) || c == '-' || c == '_';
    });
}

}  // namespace nikawa::daemon
