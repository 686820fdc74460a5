#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>

#include "nikawa/net/endpoint.hpp"

namespace nikawa::net {

/// An endpoint as the system calls take and give it.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    SocketAddress() = default;
    explicit SocketAddress(const Endpoint& endpoint) noexcept;

    [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }

    /// Nothing if it is neither IPv4 nor IPv6. A mapped address (::ffff:192.0.2.1) is given as the
    /// IPv4 address that it is.
    [[nodiscard]] std::optional<Endpoint> endpoint() const noexcept;
};

}  // namespace nikawa::net
