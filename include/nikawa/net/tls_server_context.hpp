#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/self_signed.hpp"
#include "nikawa/net/tcp_stream.hpp"
#include "nikawa/net/tls_stream.hpp"

struct ssl_ctx_st;

namespace nikawa::net {

/// The other side of TLS, for the demonstration's origin and for tests.
class TlsServerContext {
public:
    /// Chooses the first of `protocols` that the client offers too. Throws std::runtime_error.
    TlsServerContext(const PemIdentity& identity, const std::vector<Protocol>& protocols);
    ~TlsServerContext();

    /// A stream that is ready for its handshake with the client at the other end of `fd`.
    std::unique_ptr<TlsStream> open(EventLoop& event_loop, UniqueFd fd);

    /// OpenSSL's own, for a test that wants an odd server.
    [[nodiscard]] ssl_ctx_st* native_handle() noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::net
