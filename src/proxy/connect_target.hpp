#pragma once

#include "nikawa/access/port_ranges.hpp"
#include "nikawa/http/body_framing.hpp"
#include "nikawa/http/head.hpp"
#include "nikawa/http/origin.hpp"
#include "nikawa/mapping/host_mapper.hpp"

namespace nikawa::proxy {

/// Why no tunnel is made that was asked for: the cause of a tunnel_refused, or a bad_head.
enum class TunnelRefusal : std::uint8_t {
    switched_off = 1,  ///< --connect-port none
    port,              ///< not in --connect-port
    marked_host,       ///< a name by chocon's convention is for plain HTTP
    fixed_origin,      ///< --upstream
    not_http_1,        ///< the client's connection carries other requests, too
    target,            ///< no host and port
    body,              ///< which CONNECT does not have (RFC 9110 §9.3.6)
};

/// A tunnel_refused with its cause.
Failure refused(TunnelRefusal why);

/// Why no tunnel was made, if that is what the failure tells.
std::optional<TunnelRefusal> tunnel_refusal(const Failure& failure);

/// Where a CONNECT wants to go: the host and port of its target, which has to be both and nothing
/// else (RFC 9112 §3.2.3). What is there takes no part, so the scheme is http: a connection as it
/// is. Errors: bad_head; bad_host for a Host that is none.
Result<http::Origin> connect_target(const http::RequestHead& head,
                                    const http::BodyFraming& framing);

/// Nothing when a tunnel may be made to it by these settings; else why not.
std::optional<Failure> refuse_connect(const http::Origin& target,
                                      const access::PortRanges& ports,
                                      const mapping::HostRules& rules);

}  // namespace nikawa::proxy
