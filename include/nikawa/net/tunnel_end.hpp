#pragma once

#include <string>

#include "nikawa/net/byte_stream.hpp"

namespace nikawa::net {

/// One end of a tunnel: a connection that speaks HTTP no more (RFC 9110 §9.3.6, §7.8).
struct TunnelEnd {
    ByteStream& stream;  ///< who gave the end owns it and says how long it lives
    std::string early;   ///< what was read of it already and belongs to the tunnel
};

}  // namespace nikawa::net
