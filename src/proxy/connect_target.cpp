#include "proxy/connect_target.hpp"

#include <algorithm>

#include "nikawa/base/library_category.hpp"
#include "nikawa/proxy/rewrite.hpp"

namespace nikawa::proxy {
namespace {

std::string words(int code) {
    switch (static_cast<TunnelRefusal>(code)) {
        case TunnelRefusal::switched_off: return "CONNECT is switched off by --connect-port";
        case TunnelRefusal::port: return "the port is not in --connect-port";
        case TunnelRefusal::marked_host:
            return "the name has a marker label, which counts for plain HTTP: ask for "
                   "http:// and this name, or CONNECT to the name without the label";
        case TunnelRefusal::fixed_origin: return "everything goes to --upstream";
        case TunnelRefusal::not_http_1: return "CONNECT is served over HTTP/1 alone";
        case TunnelRefusal::target:
            return "CONNECT names a host and a port, as in api.example.com:443";
        case TunnelRefusal::body: return "a CONNECT has no body";
    }
    return {};
}

constexpr LibraryCategory tunnel_category{"tunnel", words};

Failure because(Errc code, TunnelRefusal why) {
    return {code, Side::client, {static_cast<int>(why), tunnel_category}};
}

}  // namespace

Failure refused(TunnelRefusal why) { return because(Errc::tunnel_refused, why); }

std::optional<TunnelRefusal> tunnel_refusal(const Failure& failure) {
    if (!failure.cause || failure.cause.category() != tunnel_category) return std::nullopt;
    return static_cast<TunnelRefusal>(failure.cause.value());
}

Result<http::Origin> connect_target(const http::RequestHead& head,
                                    const http::BodyFraming& framing) {
    const std::string_view target = head.target;
    const bool is_bracketed = target.starts_with('[');
    const auto colon = target.rfind(':');
    const bool has_port =
        colon != target.npos && (!is_bracketed || (colon > 0 && target[colon - 1] == ']'));
    if (!is_authority(target) || !has_port) return because(Errc::bad_head, TunnelRefusal::target);

    const auto host_field = head.fields.find(http::FieldId::host);
    if (host_field && !is_authority(*host_field)) return mapping::malformed_host(*host_field);
    const auto* const sized = std::get_if<http::Sized>(&framing);
    const bool has_body =
        sized != nullptr ? sized->bytes > 0 : !std::holds_alternative<http::NoBody>(framing);
    if (has_body) return because(Errc::bad_head, TunnelRefusal::body);

    auto host = target.substr(0, colon);
    if (is_bracketed) host = host.substr(1, host.size() - 2);
    if (host.ends_with('.')) host.remove_suffix(1);
    http::Origin origin{http::Scheme::http, std::string{host}, 0};
    std::ranges::transform(origin.host, origin.host.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    // is_authority() has found it within its bounds.
    origin.port = static_cast<std::uint16_t>(*http::parse_decimal(target.substr(colon + 1)));
    return origin;
}

std::optional<Failure> refuse_connect(const http::Origin& target,
                                      const access::PortRanges& ports,
                                      const mapping::HostRules& rules) {
    if (ports.empty()) return refused(TunnelRefusal::switched_off);
    if (!mapping::marker_in(target.host, rules).empty()) return refused(TunnelRefusal::marked_host);
    if (!ports.contains(target.port)) return refused(TunnelRefusal::port);
    return std::nullopt;
}

}  // namespace nikawa::proxy
