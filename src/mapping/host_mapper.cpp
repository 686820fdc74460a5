#include "nikawa/mapping/host_mapper.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "nikawa/http/body_framing.hpp"
#include "nikawa/http/field_block.hpp"

namespace nikawa::mapping {
namespace {

constexpr Failure unmapped{Errc::bad_host, Side::client};
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

bool is_label(std::string_view label) {
    return !label.empty() && label.size() <= longest_label &&
           std::ranges::all_of(label, [](char c) { return label_byte(c) != 0; });
}

std::optional<http::Scheme> marker_scheme(std::string_view label, const HostRules& rules) {
    const auto is_label = [&](std::string_view marker) {
        return http::equal_ignoring_case(label, marker);
    };
    if (std::ranges::any_of(rules.https_markers, is_label)) return http::Scheme::https;
    if (std::ranges::any_of(rules.http_markers, is_label)) return http::Scheme::http;
    return std::nullopt;
}

/// The last marker of a name and what stands before it, the dot between them left out.
struct Marked {
    http::Scheme scheme;
    std::string_view host;
};

Result<Marked> find_marker(std::string_view name, const HostRules& rules) {
    std::optional<Marked> last;
    for (std::size_t at = 0; at <= name.size();) {
        const auto end = std::min(name.find('.', at), name.size());
        const auto label = name.substr(at, end - at);
        if (!is_label(label)) return unmapped;
        if (const auto scheme = marker_scheme(label, rules)) {
            last = Marked{*scheme, name.substr(0, at == 0 ? 0 : at - 1)};
        }
        at = end + 1;
    }
    if (!last || last->host.empty() || last->host.size() > longest_name) return unmapped;
    return *last;
}

/// The port that the digits name at an origin of that scheme.
Result<std::uint16_t> origin_port(std::string_view digits,
                                  http::Scheme scheme,
                                  const HostRules& rules) {
    const auto number = http::parse_decimal(digits);
    if (!number || *number < 1 || *number > 65535) return unmapped;
    const auto port = static_cast<std::uint16_t>(*number);
    const bool is_ours = std::ranges::find(rules.own_ports, port) != rules.own_ports.end();
    return is_ours ? http::default_port(scheme) : port;
}

}  // namespace

Result<http::Origin> map_host(std::string_view host_field, const HostRules& rules) {
    const auto colon = host_field.find(':');
    auto name = host_field.substr(0, colon);
    if (name.ends_with('.')) name.remove_suffix(1);
    const auto marked = find_marker(name, rules);
    if (!marked) return marked.error();

    std::uint16_t port = http::default_port(marked->scheme);
    if (colon != std::string_view::npos) {
        const auto named = origin_port(host_field.substr(colon + 1), marked->scheme, rules);
        if (!named) return named.error();
        port = *named;
    }
    http::Origin origin{marked->scheme, std::string{marked->host}, port};
    std::ranges::transform(
        origin.host, origin.host.begin(), [](char c) { return c == '.' ? c : label_byte(c); });
    return origin;
}

}  // namespace nikawa::mapping
