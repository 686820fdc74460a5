#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/base/result.hpp"
#include "nikawa/http/host_pattern.hpp"
#include "nikawa/http/origin.hpp"

namespace nikawa::mapping {

/// What a host means that stands for an origin without a marker.
struct MapEntry {
    http::HostPattern hosts;
    http::Scheme scheme = http::Scheme::https;
    std::string host = {};                   ///< of the origin; empty: the same
    std::optional<std::uint16_t> port = {};  ///< of the origin; nothing: the one named, as always
};

/// Where a host came from, which decides what one means that no rule covers.
enum class HostForm : std::uint8_t {
    host_field,  ///< nothing: bad_host
    absolute,  ///< the authority of an absolute-form target: a plain http origin (RFC 9112 §3.2.2)
};

/// How Host values are read. The markers are host labels, compared in any letter case.
struct HostRules {
    std::vector<std::string> https_markers = {"ccnproxy-https", "ccnproxy-ssl", "ccnproxy-secure"};
    std::vector<std::string> http_markers = {"ccnproxy"};

    std::vector<MapEntry> map = {};  ///< hosts that mean an origin; the first one counts
    std::vector<http::HostPattern> https_for =
        {};  ///< hosts that mean the https origin of their name

    /// A client that names one of these ports only names us, so they mean the origin's default
    /// port: the ports we listen on, or none to dial them at the origin as chocon does.
    std::vector<std::uint16_t> own_ports;
};

/// The origin that a Host field names by chocon's convention:
/// `api.example.com.ccnproxy-https[.anything][:port]` is `https://api.example.com[:port]`.
///
/// The last marker label wins and what stands after it is ignored; a trailing dot and any letter
/// case are accepted. The port is kept unless it is one of `own_ports`.
/// Errors: bad_host (side client) for what cannot be an origin: no marker, nothing before it, an
/// empty or overlong label, bytes that no host name has, a port outside 1 to 65535.
Result<http::Origin> map_host(std::string_view host_field, const HostRules& rules);

}  // namespace nikawa::mapping
