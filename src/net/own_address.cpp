#include "nikawa/net/own_address.hpp"

#include <sys/socket.h>

#include "net/socket_address.hpp"
#include "nikawa/net/unique_fd.hpp"

namespace nikawa::net {

// To an address of its own the system sends from that very address (RFC 6724 §5 rule 1). Connecting
// a datagram socket asks for the route alone, and works where a sandbox forbids netlink.
bool is_own_address(const IpAddress& address) {
    constexpr std::uint16_t any_port = 9;
    const UniqueFd fd{::socket(address.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    SocketAddress there{Endpoint{address, any_port}};
    if (!fd || ::connect(fd.get(), there.get(), there.size) != 0) return false;
    SocketAddress here;
    if (getsockname(fd.get(), here.get(), &here.size) != 0) return false;
    const auto source = here.endpoint();
    return source && source->address == address;
}

}  // namespace nikawa::net
