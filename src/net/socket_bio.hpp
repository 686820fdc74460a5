#pragma once

#include "net/openssl.hpp"
#include "nikawa/net/socket.hpp"

namespace nikawa::net {

/// OpenSSL's transport over a `Socket`, which outlives it. Unlike OpenSSL's own it raises no
/// SIGPIPE, and spares the read that the socket knows to be vain.
BioPtr make_socket_bio(Socket& socket);

}  // namespace nikawa::net
