#pragma once

#include <cstdint>
#include <string>

#include "demo/loopback_socket.hpp"
#include "demo/stoppable_thread.hpp"
#include "nikawa/net/tls_server_context.hpp"

namespace nikawa::demo {

/// A TLS origin on a port of loopback that the system chooses, with a certificate made for the
/// occasion. ALPN chooses HTTP/2 or HTTP/1.1; every request is answered with a line of text.
class DemoOrigin {
public:
    /// Serves as `name` and as localhost. Throws std::runtime_error.
    explicit DemoOrigin(const std::string& name);

    /// What a client must trust to verify it.
    [[nodiscard]] const std::string& ca_pem() const { return ca_pem_; }

    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    explicit DemoOrigin(const net::PemIdentity& identity);
    void run(const StopSignal& stop);

    std::string ca_pem_;
    net::TlsServerContext tls_;
    net::UniqueFd listener_;
    std::uint16_t port_;
    StoppableThread thread_;  // last: it uses the others
};

}  // namespace nikawa::demo
