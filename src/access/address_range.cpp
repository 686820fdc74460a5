#include "nikawa/access/address_range.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "nikawa/http/body_framing.hpp"

namespace nikawa::access {
namespace {

std::vector<AddressRange> parsed(std::span<const std::string_view> texts) {
    std::vector<AddressRange> ranges;
    for (const auto text : texts) {
        if (const auto range = AddressRange::parse(text)) ranges.push_back(*range);
    }
    return ranges;
}

// Whether the first `bits` of both are the same.
bool share_prefix(const net::IpAddress& a, const net::IpAddress& b, unsigned bits) {
    for (std::size_t i = 0; bits > 0; ++i) {
        const unsigned here = std::min(bits, 8U);
        const unsigned mask = 0xFF00U >> here & 0xFFU;
        if (((a.octets()[i] ^ b.octets()[i]) & mask) != 0) return false;
        bits -= here;
    }
    return true;
}

unsigned width_of(const net::IpAddress& address) { return address.is_v6() ? 128 : 32; }

bool has_bits_behind(const net::IpAddress& network, unsigned prefix) {
    for (unsigned bit = prefix; bit < width_of(network); ++bit) {
        if ((network.octets()[bit / 8] & (0x80U >> bit % 8)) != 0) return true;
    }
    return false;
}

// Where addresses of a range carry an IPv4 address.
struct Carrier {
    AddressRange range;
    std::array<std::size_t, 4> at;  // of its octets
    enum class As : std::uint8_t { is, inverted, guess } as = As::is;
};

// Of 64:ff9b:1::/48 each network has a part and a layout of its own, so all are tried.
const std::vector<Carrier>& carriers() {
    using As = Carrier::As;
    static const auto range = [](std::string_view text) { return *AddressRange::parse(text); };
    static const std::vector<Carrier> known{
        {range("::ffff:0:0/96"), {12, 13, 14, 15}},
        {range("::/96"), {12, 13, 14, 15}},
        {range("::ffff:0:0:0/96"), {12, 13, 14, 15}},
        {range("64:ff9b::/96"), {12, 13, 14, 15}},
        {range("64:ff9b:1::/48"), {6, 7, 9, 10}, As::guess},
        {range("64:ff9b:1::/48"), {7, 9, 10, 11}, As::guess},
        {range("64:ff9b:1::/48"), {9, 10, 11, 12}, As::guess},
        {range("64:ff9b:1::/48"), {12, 13, 14, 15}, As::guess},
        {range("2002::/16"), {2, 3, 4, 5}},
        {range("2001::/32"), {12, 13, 14, 15}, As::inverted},
    };
    return known;
}

// A guess that is not the address of a host was wrong.
std::optional<net::IpAddress> carried_by(const net::IpAddress& address, const Carrier& carrier) {
    constexpr std::uint8_t first_of_hosts = 1;
    constexpr std::uint8_t last_of_hosts = 223;
    if (!carrier.range.contains(address)) return std::nullopt;
    net::IpAddress::V4Octets v4{};
    for (std::size_t i = 0; i < v4.size(); ++i) {
        const auto octet = address.octets()[carrier.at[i]];
        v4[i] = carrier.as == Carrier::As::inverted ? static_cast<std::uint8_t>(~octet) : octet;
    }
    const bool is_host = v4[0] >= first_of_hosts && v4[0] <= last_of_hosts;
    if (carrier.as == Carrier::As::guess && !is_host) return std::nullopt;
    return net::IpAddress{v4};
}

// :: and ::1, which the compatible addresses leave out.
bool is_unspecified_or_loopback(const net::IpAddress& v6) {
    const auto& octets = v6.octets();
    return octets.back() <= 1 &&
           std::all_of(octets.begin(), octets.end() - 1, [](auto octet) { return octet == 0; });
}

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto network = net::IpAddress::parse(text.substr(0, slash));
    if (!network) return std::nullopt;
    AddressRange range;
    range.network_ = *network;
    range.prefix_ = width_of(*network);
    if (slash != std::string_view::npos) {
        const auto prefix = http::parse_decimal(text.substr(slash + 1));
        if (!prefix || *prefix > range.prefix_) return std::nullopt;
        range.prefix_ = static_cast<unsigned>(*prefix);
    }
    if (has_bits_behind(range.network_, range.prefix_)) return std::nullopt;
    return range;
}

bool AddressRange::contains(const net::IpAddress& address) const {
    return address.is_v6() == network_.is_v6() && share_prefix(address, network_, prefix_);
}

std::string AddressRange::to_string() const {
    auto text = network_.to_string();
    if (prefix_ != width_of(network_)) text.append("/").append(std::to_string(prefix_));
    return text;
}

std::vector<AddressRange> address_ranges(std::string_view text) {
    static constexpr std::array<std::string_view, 2> loopback{"127.0.0.0/8", "::1"};
    static constexpr std::array<std::string_view, 6> private_ranges{"10.0.0.0/8",      // RFC 1918
                                                                    "172.16.0.0/12",   //
                                                                    "192.168.0.0/16",  //
                                                                    "169.254.0.0/16",  // RFC 3927
                                                                    "fc00::/7",        // RFC 4193
                                                                    "fe80::/10"};      // RFC 4291
    if (text == "loopback") return parsed(loopback);
    if (text == "private") return parsed(private_ranges);
    return parsed(std::array{text});
}

bool contains(std::span<const AddressRange> ranges, const net::IpAddress& address) {
    return std::ranges::any_of(ranges,
                               [&](const AddressRange& range) { return range.contains(address); });
}

net::IpAddress unmapped(const net::IpAddress& address) {
    return carried_by(address, carriers().front()).value_or(address);
}

net::Addresses meanings(const net::IpAddress& address) {
    net::Addresses all{address};
    if (!address.is_v6() || is_unspecified_or_loopback(address)) return all;
    for (const auto& carrier : carriers()) {
        if (const auto v4 = carried_by(address, carrier)) all.push_back(*v4);
    }
    return all;
}

}  // namespace nikawa::access
