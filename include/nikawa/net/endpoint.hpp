#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nikawa::net {

/// An IPv4 or IPv6 address. An IPv4 address in IPv6's clothes (::ffff:192.0.2.1) is not undressed.
class IpAddress {
public:
    using V4Octets = std::array<std::uint8_t, 4>;
    using V6Octets = std::array<std::uint8_t, 16>;

    IpAddress() = default;
    explicit IpAddress(const V4Octets& octets) noexcept;
    explicit IpAddress(const V6Octets& octets) noexcept : octets_(octets), is_v6_(true) {}

    /// "192.0.2.1" or "2001:db8::1", without brackets or zone.
    static std::optional<IpAddress> parse(std::string_view text) noexcept;

    [[nodiscard]] bool is_v6() const noexcept { return is_v6_; }

    /// In network order; an IPv4 address has the first four.
    [[nodiscard]] const V6Octets& octets() const noexcept { return octets_; }

    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const IpAddress&, const IpAddress&) = default;

private:
    V6Octets octets_{};
    bool is_v6_ = false;
};

using Addresses = std::vector<IpAddress>;

/// One end of a TCP connection.
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;

    /// "192.0.2.1:443", "[2001:db8::1]:443".
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

}  // namespace nikawa::net
