#include "nikawa/mapping/host_mapper.hpp"

#include <algorithm>
#include <optional>

#include "mapping/authority.hpp"
#include "nikawa/http/field_block.hpp"

namespace nikawa::mapping {
namespace {

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

std::optional<Marked> last_marker(std::string_view name, const HostRules& rules) {
    for (auto end = name.size();;) {
        const auto dot = name.rfind('.', end - 1);  // no label is empty
        const auto begin = dot == name.npos ? 0 : dot + 1;
        if (const auto scheme = marker_scheme(name.substr(begin, end - begin), rules)) {
            return Marked{*scheme, name.substr(0, begin == 0 ? 0 : dot)};
        }
        if (begin == 0) return std::nullopt;
        end = dot;
    }
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

Read<http::Origin> read_host(std::string_view text, const HostRules& rules, HostForm form) {
    const auto read = read_authority(text);
    if (!read) return read.error();
    const auto marked = read->is_ipv6 ? std::nullopt : last_marker(read->host, rules);
    if (marked && marked->host.empty()) return HostFault::nothing_marked;
    auto host = origin_host(marked ? marked->host : read->host, read->is_ipv6);
    if (!host) return host.error();
    if (!marked) return unmarked(*std::move(host), read->port, rules, form);

    const auto scheme = marked->scheme;
    const bool is_kept = read->port && !is_ours(*read->port, rules);
    return http::Origin{
        scheme, *std::move(host), is_kept ? *read->port : http::default_port(scheme)};
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

Result<void> check_host(std::string_view host) {
    const auto read = read_authority(host);
    if (!read) return bad_host(most_telling(host, {}, read.error()));
    return {};
}

Result<HostAndPort> host_and_port(std::string_view authority) {
    const auto failed = [&](HostFault fault) {
        return bad_host(most_telling(authority, {}, fault));
    };
    const auto read = read_authority(authority);
    if (!read) return failed(read.error());
    auto host = origin_host(read->host, read->is_ipv6);
    if (!host) return failed(host.error());
    return HostAndPort{*std::move(host), read->port};
}

}  // namespace nikawa::mapping
