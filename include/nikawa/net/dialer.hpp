#pragma once

#include <memory>
#include <string>

#include "nikawa/base/result.hpp"
#include "nikawa/http/origin.hpp"
#include "nikawa/net/byte_stream.hpp"

namespace nikawa::net {

/// The protocol a connection speaks, by ALPN (RFC 7301) or because it is plain.
enum class Protocol : std::uint8_t { http_1_1, http_2 };

/// Where the time of a dial went; zero for a step that was not needed.
struct DialTimes {
    Duration resolve{};
    Duration connect{};
    Duration tls{};
};

/// A connection that is ready for its first request.
struct Dialled {
    std::unique_ptr<ByteStream> stream;
    Protocol protocol = Protocol::http_1_1;
    DialTimes times;
};

/// Makes connections to origins: name, TCP, and TLS with the origin's name verified.
class Dialer {
public:
    virtual ~Dialer() = default;

    /// Errors (side origin): resolve_failed, resolve_timed_out, connect_failed, connect_timed_out,
    /// tls_failed, tls_certificate_rejected, tls_timed_out.
    virtual Task<Result<Dialled>> dial(const http::Origin& origin) = 0;
};

}  // namespace nikawa::net
