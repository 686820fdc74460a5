#include "mapping/authority.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "nikawa/http/body_framing.hpp"

namespace nikawa::mapping {
namespace {

constexpr std::size_t longest_label = 63;  // RFC 1035 §2.3.4
constexpr std::size_t longest_name = 253;

/// The byte as it stands in the origin's host, 0 for one that no label has. The underscore is in
/// no host name by RFC 1123, but in many that are in use.
constexpr auto label_bytes = [] {
    std::array<char, 256> bytes{};
    for (char c = 'a'; c <= 'z'; ++c) {
        bytes[static_cast<unsigned char>(c)] = c;
        bytes[static_cast<unsigned char>(c - 'a' + 'A')] = c;
    }
    for (char c = '0'; c <= '9'; ++c) bytes[static_cast<unsigned char>(c)] = c;
    for (const char c : {'-', '_'}) bytes[static_cast<unsigned char>(c)] = c;
    return bytes;
}();

char label_byte(char c) { return label_bytes[static_cast<unsigned char>(c)]; }

std::optional<HostFault> fault_of_label(std::string_view label) {
    if (label.empty()) return HostFault::empty_label;
    if (label.size() > longest_label) return HostFault::too_long;
    const bool is_plain = std::ranges::all_of(label, [](char c) { return label_byte(c) != 0; });
    if (!is_plain) return HostFault::odd_byte;
    return std::nullopt;
}

std::optional<HostFault> fault_of_name(std::string_view name) {
    for (std::size_t at = 0; at <= name.size();) {
        const auto end = std::min(name.find('.', at), name.size());
        if (const auto fault = fault_of_label(name.substr(at, end - at))) return fault;
        at = end + 1;
    }
    return std::nullopt;
}

using Ipv6Text = std::array<char, INET6_ADDRSTRLEN>;

/// Whether `text` is an address of the family, which goes to `address`. What follows a NUL is part
/// of it as well.
bool is_address(int family, std::string_view text, void* address) {
    Ipv6Text terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != text.npos) return false;
    std::ranges::copy(text, terminated.begin());
    return inet_pton(family, terminated.data(), address) == 1;
}

bool is_ipv6_address(std::string_view text) {
    in6_addr unused{};
    return is_address(AF_INET6, text, &unused);
}

bool is_ipv4_address(std::string_view text) {
    in_addr unused{};
    return is_address(AF_INET, text, &unused);
}

/// Whether a resolver could take it for an address: 127.1, 0x7f.1, 2130706433. No name ends so, for
/// no top-level domain is a number (RFC 1123 §2.1).
bool ends_in_a_number(std::string_view name) {
    const auto last = name.substr(name.rfind('.') + 1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto is_hex = [&](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
    if (std::ranges::all_of(last, is_digit)) return true;
    const bool has_prefix = last.starts_with("0x") || last.starts_with("0X");
    return has_prefix && std::ranges::all_of(last.substr(2), is_hex);
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
    const auto number = http::parse_decimal(digits);
    if (!number || *number < 1 || *number > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

/// Patterns and pools are to know each by one text (RFC 5952).
std::string shortest_ipv6(std::string_view text) {
    in6_addr address{};
    is_address(AF_INET6, text, &address);
    Ipv6Text shortest{};
    inet_ntop(AF_INET6, &address, shortest.data(), shortest.size());
    return shortest.data();
}

}  // namespace

Read<Authority> read_authority(std::string_view text) {
    Authority read;
    read.is_ipv6 = text.starts_with('[');
    const auto end = read.is_ipv6 ? text.find(']') : std::min(text.find(':'), text.size());
    if (end == text.npos) return HostFault::ipv6_address;
    read.host = text.substr(read.is_ipv6, end - read.is_ipv6);
    const auto rest = text.substr(end + read.is_ipv6);
    if (!rest.empty() && rest.front() != ':') return HostFault::ipv6_address;
    if (rest.size() > 1) {
        read.port = parse_port(rest.substr(1));
        if (!read.port) return HostFault::port;
    }
    if (read.is_ipv6) {
        if (!is_ipv6_address(read.host)) return HostFault::ipv6_address;
        return read;
    }
    if (read.host.ends_with('.')) read.host.remove_suffix(1);
    if (const auto fault = fault_of_name(read.host)) return *fault;
    return read;
}

Read<std::string> origin_host(std::string_view host, bool is_ipv6) {
    if (is_ipv6) return shortest_ipv6(host);
    if (host.size() > longest_name) return HostFault::too_long;
    if (ends_in_a_number(host) && !is_ipv4_address(host)) return HostFault::ipv4_address;
    std::string name{host};
    std::ranges::transform(name, name.begin(), [](char c) { return c == '.' ? c : label_byte(c); });
    return name;
}

}  // namespace nikawa::mapping
