#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/base/result.hpp"
#include "nikawa/http/origin.hpp"

namespace nikawa::mapping {

/// How Host values are read. The markers are host labels, compared in any letter case.
struct HostRules {
    std::vector<std::string> https_markers = {"ccnproxy-https", "ccnproxy-ssl", "ccnproxy-secure"};
    std::vector<std::string> http_markers = {"ccnproxy"};

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
