#pragma once

#include <cstdint>

#include "nikawa/base/failure.hpp"

namespace nikawa::http {

/// What a request head is that is none, where that can be told: the cause of a bad_head.
enum class HeadFault : std::uint8_t {
    tls = 1,         ///< a TLS record
    socks,           ///< a greeting of SOCKS 4 or 5
    proxy_protocol,  ///< the header that a load balancer puts before a connection
    no_host,         ///< a request of HTTP/1.1 without Host
    several_hosts,
};

/// bad_head of the side client.
Failure bad_head(HeadFault fault);

}  // namespace nikawa::http
