#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nikawa/mapping/host_fault.hpp"

namespace nikawa::mapping {

/// Until it is known which of several faults tells most.
template <class T>
using Read = boost::system::result<T, HostFault>;

/// What a host and a port were written as.
struct Authority {
    /// Without the brackets of an IPv6 address or the trailing dot of a name; points into the text.
    std::string_view host;
    /// Nothing for an empty one, too: "a.example:" is "a.example" (RFC 3986 §3.2.3).
    std::optional<std::uint16_t> port;
    bool is_ipv6 = false;
};

/// The only reading of what names an origin, whatever it stands in, so that no rule about hosts and
/// ports is passed by a spelling that one reader takes and another does not. The host is an IPv6
/// address in brackets, without a zone; or labels of letters, digits, hyphens and underscores.
Read<Authority> read_authority(std::string_view text);

/// `host`, of an authority that was read or the beginning of it, as it stands in an `Origin`: an
/// address has one text, and a name is no number to whoever looks it up.
Read<std::string> origin_host(std::string_view host, bool is_ipv6);

}  // namespace nikawa::mapping
