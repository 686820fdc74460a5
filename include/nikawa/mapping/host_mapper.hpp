#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/base/result.hpp"
#include "nikawa/http/host_pattern.hpp"
#include "nikawa/http/origin.hpp"
#include "nikawa/mapping/host_fault.hpp"

namespace nikawa::mapping {

/// What a host means that stands for an origin without a marker.
struct MapEntry {
    http::HostPattern hosts;
    http::Scheme scheme = http::Scheme::https;
    std::string host = {};                   ///< of the origin; empty: the same
    std::optional<std::uint16_t> port = {};  ///< of the origin; nothing: the one named, as always
};

/// Where a host came from: which port it means when it names none, and what one means that no rule
/// covers. Targets in absolute form are those of RFC 9112 §3.2.2.
enum class HostForm : std::uint8_t {
    host_field,      ///< a Host field: port 80, and bad_host
    absolute,        ///< an http target: port 80, and the http origin of its name
    absolute_https,  ///< an https target: port 443, and the https origin of its name
};

/// How hosts are read. The markers are host labels, compared in any letter case; what they mean
/// comes first, then `map`, then `https_for`.
struct HostRules {
    std::vector<std::string> https_markers = {"ccnproxy-https", "ccnproxy-ssl", "ccnproxy-secure"};
    std::vector<std::string> http_markers = {"ccnproxy"};

    std::vector<MapEntry> map = {};                 ///< the first that matches counts
    std::vector<http::HostPattern> https_for = {};  ///< hosts that mean their https origin

    /// A client that names one of these ports only names us, so they mean the origin's default
    /// port: the ports we listen on, or none to dial them at the origin as chocon does.
    std::vector<std::uint16_t> own_ports;
};

/// The origin that `host`, a Host value or the authority of a target, names.
///
/// With a marker that is chocon's convention: `api.example.com.ccnproxy-https[.anything][:port]` is
/// `https://api.example.com[:port]`. The last marker label wins and what stands after it is
/// ignored. A port is kept unless it is one of `own_ports`.
///
/// Without one the rules decide, and then the form. The port is that of the map entry, else the one
/// named, unless that says nothing: the default one of the form, or in a Host field one of
/// `own_ports`, which names us. The scheme's default port is meant then.
///
/// A trailing dot and any letter case are accepted, and a colon without a port is none; an IPv6
/// address, which has no markers, is put into its shortest form (RFC 5952). An IPv4 address is four
/// decimal numbers: other names that end in a number are refused.
/// Errors: bad_host (side client) for what cannot be an origin or means none in this form; its
/// cause is a `HostFault`.
Result<http::Origin> map_host(std::string_view host, const HostRules& rules, HostForm form);

/// The first label of a host or a pattern that is a marker; empty if none is. Points into `host`.
std::string_view marker_in(std::string_view host, const HostRules& rules);

/// Whether `host` is one, with or without a port, whatever the rules: nothing that another parser
/// could read as something else, so no userinfo, no white space, no list (RFC 9110 §4.2.4).
/// Errors: bad_host, as of `map_host()`.
Result<void> check_host(std::string_view host);

/// What an authority says by itself.
struct HostAndPort {
    std::string host;  ///< as in an `Origin`
    std::optional<std::uint16_t> port;
};

/// The host and the port of the target of a CONNECT, which no rule changes. Errors: bad_host, as of
/// `map_host()`.
Result<HostAndPort> host_and_port(std::string_view authority);

}  // namespace nikawa::mapping
