#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/net/endpoint.hpp"

namespace nikawa::access {

/// The addresses of one network: "10.0.0.0/8", "2001:db8::/32", or one address.
class AddressRange {
public:
    /// Nothing when `text` is not one; a bit set behind the prefix is an error, for it is one of
    /// who wrote it.
    static std::optional<AddressRange> parse(std::string_view text);

    /// An IPv4 address is not in a range of IPv6 and the other way round: see `meanings()`.
    [[nodiscard]] bool contains(const net::IpAddress& address) const;

    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const AddressRange&, const AddressRange&) = default;

private:
    net::IpAddress network_;
    unsigned prefix_ = 0;  // bits
};

/// The ranges that a word or a CIDR of an option means: "loopback" (127.0.0.0/8, ::1), "private"
/// (RFC 1918, RFC 4193 and link-local), or one range. Empty when `text` is none of them.
std::vector<AddressRange> address_ranges(std::string_view text);

/// Whether any of them contains the address.
bool contains(std::span<const AddressRange> ranges, const net::IpAddress& address);

/// The IPv4 address of one that is mapped into IPv6 (::ffff:0:0/96, RFC 4291 §2.5.5.2); any other
/// as it is.
net::IpAddress unmapped(const net::IpAddress& address);

/// Whom a connection to the address may reach: itself, and every IPv4 address that it carries for a
/// translator or a tunnel on the way. Whoever judges where a connection goes judges all of them.
///
/// Known are mapped, compatible and translated addresses (RFC 4291 §2.5.5, RFC 2765 §2.1), those of
/// NAT64 (64:ff9b::/96, RFC 6052; 64:ff9b:1::/48, RFC 8215, in each layout of RFC 6052 §2.2), of
/// 6to4 (RFC 3056) and of Teredo (RFC 4380 §4).
net::Addresses meanings(const net::IpAddress& address);

}  // namespace nikawa::access
