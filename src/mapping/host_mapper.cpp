#include "nikawa/mapping/host_mapper.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

#include "nikawa/http/body_framing.hpp"
#include "nikawa/http/field_block.hpp"

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

std::optional<http::Scheme> marker_scheme(std::string_view label, const HostRules& rules) {
    const auto is_label = [&](std::string_view marker) {
        return http::equal_ignoring_case(label, marker);
    };
    if (std::ranges::any_of(rules.https_markers, is_label)) return http::Scheme::https;
    if (std::ranges::any_of(rules.http_markers, is_label)) return http::Scheme::http;
    return std::nullopt;
}

/// Until it is known which of several faults tells most.
template <class T>
using Read = boost::system::result<T, HostFault>;

/// What a host and a port were written as. Of an IPv6 address the brackets are left out, of a name
/// a trailing dot.
struct Authority {
    std::string_view host;
    std::optional<std::string_view> port;
    bool is_ipv6 = false;
};

Read<Authority> parts_of(std::string_view text) {
    Authority parts;
    parts.is_ipv6 = text.starts_with('[');
    const auto end = parts.is_ipv6 ? text.find(']') : std::min(text.find(':'), text.size());
    if (end == std::string_view::npos) return HostFault::ipv6_address;
    parts.host = text.substr(parts.is_ipv6, end - parts.is_ipv6);
    if (!parts.is_ipv6 && parts.host.ends_with('.')) parts.host.remove_suffix(1);
    const auto rest = text.substr(end + parts.is_ipv6);
    if (!rest.empty() && rest.front() != ':') return HostFault::ipv6_address;
    if (!rest.empty()) parts.port = rest.substr(1);
    return parts;
}

/// The last marker of a name and what stands before it, the dot between them left out.
struct Marked {
    http::Scheme scheme;
    std::string_view host;
};

/// Errors: for a name that is none, whether it has a marker or not.
Read<std::optional<Marked>> find_marker(std::string_view name, const HostRules& rules) {
    std::optional<Marked> last;
    for (std::size_t at = 0; at <= name.size();) {
        const auto end = std::min(name.find('.', at), name.size());
        const auto label = name.substr(at, end - at);
        if (const auto fault = fault_of_label(label)) return *fault;
        if (const auto scheme = marker_scheme(label, rules)) {
            last = Marked{*scheme, name.substr(0, at == 0 ? 0 : at - 1)};
        }
        at = end + 1;
    }
    const auto host = last ? last->host : name;
    if (host.empty()) return HostFault::nothing_marked;
    if (host.size() > longest_name) return HostFault::too_long;
    return last;
}

std::string in_lower_case(std::string_view name) {
    std::string lower{name};
    std::ranges::transform(
        lower, lower.begin(), [](char c) { return c == '.' ? c : label_byte(c); });
    return lower;
}

/// Nothing for what is no IPv6 address: patterns and pools are to know each by one text.
std::optional<std::string> shortest_ipv6(std::string_view text) {
    in6_addr address{};
    if (inet_pton(AF_INET6, std::string{text}.c_str(), &address) != 1) return std::nullopt;
    std::array<char, INET6_ADDRSTRLEN> shortest{};
    return inet_ntop(AF_INET6, &address, shortest.data(), shortest.size());
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
    const auto number = http::parse_decimal(digits);
    if (!number || *number < 1 || *number > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

bool is_ours(std::uint16_t port, const HostRules& rules) {
    return std::ranges::find(rules.own_ports, port) != rules.own_ports.end();
}

constexpr http::Scheme scheme_of(HostForm form) {
    return form == HostForm::absolute_https ? http::Scheme::https : http::Scheme::http;
}

/// What a host without a marker means, its port aside, which `named` may be.
Read<http::Origin> unmarked(std::string host,
                            std::optional<std::uint16_t> named,
                            const HostRules& rules,
                            HostForm form) {
    const bool says_nothing = !named || *named == http::default_port(scheme_of(form)) ||
                              (form == HostForm::host_field && is_ours(*named, rules));
    const auto origin = [&](http::Scheme scheme, std::string its_host) {
        const auto port = says_nothing ? http::default_port(scheme) : *named;
        return http::Origin{scheme, std::move(its_host), port};
    };
    const auto matches = [&](const http::HostPattern& hosts) { return hosts.matches(host); };
    const auto entry = std::ranges::find_if(rules.map, matches, &MapEntry::hosts);
    if (entry != rules.map.end()) {
        auto mapped = origin(entry->scheme, entry->host.empty() ? std::move(host) : entry->host);
        mapped.port = entry->port.value_or(mapped.port);
        return mapped;
    }
    if (std::ranges::any_of(rules.https_for, matches)) {
        return origin(http::Scheme::https, std::move(host));
    }
    if (form == HostForm::host_field) return HostFault::unmarked;
    return origin(scheme_of(form), std::move(host));
}

/// Where a host was stumbled over is seldom what is wrong with it.
HostFault most_telling(std::string_view host, const HostRules& rules, HostFault found) {
    const auto is_not_ascii = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
    if (host.empty() || host.front() == ':') return HostFault::empty;
    if (host.find('/') != host.npos) return HostFault::url;
    if (host.find('@') != host.npos) return HostFault::userinfo;
    if (std::ranges::any_of(host, is_not_ascii)) return HostFault::not_ascii;
    if (found == HostFault::port && !marker_in(host.substr(host.find(':')), rules).empty()) {
        return HostFault::port_before_marker;
    }
    const auto first_label = host.substr(1, host.find_first_of(".:", 1) - 1);
    if (host.front() == '.' && marker_scheme(first_label, rules)) return HostFault::nothing_marked;
    return found;
}

Read<http::Origin> read_host(std::string_view host, const HostRules& rules, HostForm form) {
    const auto parts = parts_of(host);
    if (!parts) return parts.error();
    std::optional<std::uint16_t> port;
    if (parts->port) {
        port = parse_port(*parts->port);
        if (!port) return HostFault::port;
    }
    if (parts->is_ipv6) {
        auto address = shortest_ipv6(parts->host);
        if (!address) return HostFault::ipv6_address;
        return unmarked(*std::move(address), port, rules, form);
    }
    const auto marked = find_marker(parts->host, rules);
    if (!marked) return marked.error();
    if (!*marked) return unmarked(in_lower_case(parts->host), port, rules, form);

    const auto scheme = (*marked)->scheme;
    const bool is_kept = port && !is_ours(*port, rules);
    return http::Origin{
        scheme, in_lower_case((*marked)->host), is_kept ? *port : http::default_port(scheme)};
}

}  // namespace

Result<http::Origin> map_host(std::string_view host, const HostRules& rules, HostForm form) {
    auto origin = read_host(host, rules, form);
    if (!origin) return bad_host(most_telling(host, rules, origin.error()));
    return *std::move(origin);
}

std::string_view marker_in(std::string_view host, const HostRules& rules) {
    for (std::size_t at = 0; at <= host.size();) {
        const auto end = std::min(host.find_first_of(".:", at), host.size());
        const auto label = host.substr(at, end - at);
        if (marker_scheme(label, rules)) return label;
        at = end + 1;
    }
    return {};
}

Failure malformed_host(std::string_view host) {
    const auto origin = map_host(host, {}, HostForm::absolute);
    return origin ? bad_host(HostFault::odd_byte) : origin.error();
}

}  // namespace nikawa::mapping
