#pragma once

#include <cstdint>

#include "nikawa/base/failure.hpp"

namespace nikawa::mapping {

/// What is wrong with a host that names no origin: the cause of a bad_host, which says it in words
/// and what to write instead.
enum class HostFault : std::uint8_t {
    empty = 1,
    unmarked,            ///< a host like any other, and no rule covers it
    url,                 ///< a URL, or a path behind the name
    userinfo,            ///< "user:password@" before the name
    not_ascii,           ///< a name in Unicode
    port_before_marker,  ///< "api.example.com:8443.ccnproxy-https"
    port,                ///< none of 1 to 65535
    nothing_marked,      ///< a marker label and nothing before it
    empty_label,         ///< two dots in a row, or one in front
    too_long,            ///< a label over 63 bytes, or a name over 253 (RFC 1035 §2.3.4)
    odd_byte,            ///< one that no host name has
    ipv6_address,        ///< what is in brackets is none
    ipv4_address,        ///< a name that ends in a number, and no address: "127.1", "0x7f.0.0.1"
};

/// bad_host of the side client.
Failure bad_host(HostFault fault);

}  // namespace nikawa::mapping
