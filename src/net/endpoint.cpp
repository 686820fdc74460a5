#include "nikawa/net/endpoint.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "net/socket_address.hpp"

namespace nikawa::net {

IpAddress::IpAddress(const V4Octets& octets) noexcept {
    std::copy(octets.begin(), octets.end(), octets_.begin());
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size()) return std::nullopt;
    std::copy(text.begin(), text.end(), terminated.begin());

    IpAddress address;
    if (inet_pton(AF_INET, terminated.data(), address.octets_.data()) == 1) return address;
    address.is_v6_ = true;
    if (inet_pton(AF_INET6, terminated.data(), address.octets_.data()) == 1) return address;
    return std::nullopt;
}

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(is_v6_ ? AF_INET6 : AF_INET, octets_.data(), text.data(), text.size());
    return text.data();
}

std::string Endpoint::to_string() const {
    const auto host = address.to_string();
    return (address.is_v6() ? "[" + host + "]:" : host + ":") + std::to_string(port);
}

SocketAddress::SocketAddress(const Endpoint& endpoint) noexcept {
    const auto& octets = endpoint.address.octets();
    if (endpoint.address.is_v6()) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(endpoint.port);
        std::memcpy(&v6.sin6_addr, octets.data(), sizeof v6.sin6_addr);
        std::memcpy(&storage, &v6, sizeof v6);
        size = sizeof v6;
    } else {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        std::memcpy(&v4.sin_addr, octets.data(), sizeof v4.sin_addr);
        std::memcpy(&storage, &v4, sizeof v4);
        size = sizeof v4;
    }
}

std::optional<Endpoint> SocketAddress::endpoint() const noexcept {
    if (storage.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &storage, sizeof v4);
        IpAddress::V4Octets octets;
        std::memcpy(octets.data(), &v4.sin_addr, octets.size());
        return Endpoint{IpAddress{octets}, ntohs(v4.sin_port)};
    }
    if (storage.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &storage, sizeof v6);
        IpAddress::V6Octets octets;
        std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
        if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            return Endpoint{IpAddress{octets}, ntohs(v6.sin6_port)};
        }
        IpAddress::V4Octets mapped;
        std::copy(octets.begin() + 12, octets.end(), mapped.begin());
        return Endpoint{IpAddress{mapped}, ntohs(v6.sin6_port)};
    }
    return std::nullopt;
}

}  // namespace nikawa::net
