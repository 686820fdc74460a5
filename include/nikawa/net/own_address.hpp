#pragma once

#include "nikawa/net/endpoint.hpp"

namespace nikawa::net {

/// Whether packets to the address stay on this machine at present. Asks the system's routing table;
/// sends nothing. False if it cannot be asked.
bool is_own_address(const IpAddress& address);

}  // namespace nikawa::net
