#pragma once

#include "nikawa/access/port_ranges.hpp"
#include "nikawa/http/body_framing.hpp"
#include "nikawa/http/head.hpp"
#include "nikawa/http/origin.hpp"
#include "nikawa/mapping/host_mapper.hpp"

namespace nikawa::proxy {

/// Why no tunnel is made that was asked for properly: the cause of a tunnel_refused.
enum class TunnelRefusal : std::uint8_t {
    switched_off = 1,  ///< --connect-port none
    port,              ///< not in --connect-port
    marked_host,       ///< a name by chocon's convention is for plain HTTP
    fixed_origin,      ///< --upstream
    not_http_1,        ///< the client's connection carries other requests, too
};

Failure refused(TunnelRefusal why);

/// Where a CONNECT wants to go: the host and port of its target, which has to be both and nothing
/// else (RFC 9112 §3.2.3). What is there takes no part, so the scheme is http: a connection as it
/// is. Errors: bad_head; bad_host for a Host that is none; bad_framing for a body, which CONNECT
/// does not have (RFC 9110 §9.3.6).
Result<http::Origin> connect_target(const http::RequestHead& head,
                                    const http::BodyFraming& framing);

/// Nothing when a tunnel may be made to it by these settings; else why not.
std::optional<Failure> refuse_connect(const http::Origin& target,
                                      const access::PortRanges& ports,
                                      const mapping::HostRules& rules);

}  // namespace nikawa::proxy
