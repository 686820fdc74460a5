#include "proxy/connect_target.hpp"

#include <utility>

#include "nikawa/base/library_category.hpp"

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
    const bool has_colon = head.target.find(':') != std::string::npos;
    auto named = mapping::host_and_port(head.target);
    if (has_colon && !named) return named.error();
    if (!named || !named->port) return because(Errc::bad_head, TunnelRefusal::target);

    if (const auto host_field = head.fields.find(http::FieldId::host)) {
        const auto checked = mapping::check_host(*host_field);
        if (!checked) return checked.error();
    }
    const auto* const sized = std::get_if<http::Sized>(&framing);
    const bool has_body =
        sized != nullptr ? sized->bytes > 0 : !std::holds_alternative<http::NoBody>(framing);
    if (has_body) return because(Errc::bad_head, TunnelRefusal::body);
    return http::Origin{http::Scheme::http, std::move(named->host), *named->port};
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
