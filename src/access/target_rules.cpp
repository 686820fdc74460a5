#include "nikawa/access/target_rules.hpp"

#include <algorithm>
#include <array>

#include "nikawa/access/address_range.hpp"
#include "nikawa/access/port_ranges.hpp"
#include "nikawa/http/host_pattern.hpp"

namespace nikawa::access {
namespace {

// Boost's base class has a protected destructor that g++ takes for an accessible one.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"

// The rules in words, each by the code it got. Above all others stand the ports that are refused.
class Causes final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "access"; }

    std::string message(int code) const override {
        if (code > first_port) {
            return "port " + std::to_string(code - first_port) + " is not in --allow-port";
        }
        return texts_.at(static_cast<std::size_t>(code) - 1);  // 0 is no error
    }

    int add(std::string text) {
        texts_.push_back(std::move(text));
        return static_cast<int>(texts_.size());
    }

    static int of_port(std::uint16_t port) { return first_port + port; }

private:
    static constexpr int first_port = 1 << 24;

    std::vector<std::string> texts_;
};

#pragma GCC diagnostic pop

template <class Matcher>
struct Denied {
    Matcher what;
    int cause;
};

struct NeverReached {
    std::string_view range;
    std::string_view is;
};

// The first that fits gives the reason.
constexpr std::array never_reached{
    NeverReached{"169.254.169.254", "a cloud's metadata address"},  // AWS, Azure, Google and others
    NeverReached{"169.254.170.2", "a cloud's metadata address"},    // AWS ECS
    NeverReached{"169.254.170.23", "a cloud's metadata address"},   // AWS EKS
    NeverReached{"168.63.129.16", "a cloud's metadata address"},    // Azure
    NeverReached{"192.0.0.192", "a cloud's metadata address"},      // Oracle
    NeverReached{"100.100.100.200", "a cloud's metadata address"},  // Alibaba
    NeverReached{"fd00:ec2::/32", "of a cloud's metadata"},         // AWS
    NeverReached{"fd20:ce::254", "a cloud's metadata address"},     // Google
    NeverReached{"fd00:c1::a9fe:a9fe", "a cloud's metadata address"},  // Oracle
    NeverReached{"fd00:42::42", "a cloud's metadata address"},         // Scaleway
    NeverReached{"fd00:a9fe:a9fe::1", "a cloud's metadata address"},   // Akamai
    NeverReached{"fd00:100::100:200", "a cloud's metadata address"},   // Alibaba
    NeverReached{"169.254.0.0/16", "link-local"},                      // RFC 3927
    NeverReached{"fe80::/10", "link-local"},                           // RFC 4291 §2.5.6
    NeverReached{"0.0.0.0/8", "no host's address"},                    // RFC 6890
    NeverReached{"::", "no host's address"},                           // RFC 4291 §2.5.2
    NeverReached{"224.0.0.0/4", "multicast"},                          // RFC 5771
    NeverReached{"ff00::/8", "multicast"},                             // RFC 4291 §2.7
    NeverReached{"240.0.0.0/4", "reserved"},                           // RFC 1112 §4, broadcast
};

// Names that are an address are not resolved; they end with a digit or hold a colon.
std::optional<net::IpAddress> literal(std::string_view host) {
    const bool may_be = !host.empty() && ((host.back() >= '0' && host.back() <= '9') ||
                                          host.find(':') != std::string_view::npos);
    return may_be ? net::IpAddress::parse(host) : std::nullopt;
}

bool is_unspecified(const net::IpAddress& address) {
    return address == net::IpAddress{net::IpAddress::V4Octets{}} ||
           address == net::IpAddress{net::IpAddress::V6Octets{}};
}

}  // namespace

bool is_target(std::string_view text) {
    return !address_ranges(text).empty() || http::HostPattern::parse(text);
}

struct TargetRules::Impl {
    // A name that means this machine may be an origin's that is to lead clients to us.
    struct OfAddressAndName {
        int address;
        int name;
    };

    Impl(const TargetSettings& settings, IsOwnAddress is_own_address_);

    [[nodiscard]] Failure denied(Errc code, int cause) const {
        return {code, Side::client, {cause, causes}};
    }
    [[nodiscard]] bool trusts(const http::Origin& origin) const {
        return std::ranges::find(trusted, origin) != trusted.end();
    }

    [[nodiscard]] std::optional<Failure> judge_host(const http::Origin& origin) const;
    [[nodiscard]] std::optional<Failure> judge_address(const net::IpAddress& address) const;
    [[nodiscard]] std::optional<Failure> judge_nearness(const http::Origin& origin,
                                                        const net::IpAddress& address) const;
    [[nodiscard]] bool is_own_listener(const net::IpAddress& address, std::uint16_t port) const;
    OfAddressAndName add_near(const std::string& text);

    Causes causes;
    std::vector<Denied<AddressRange>> denied_ranges;  // those never reached come first
    std::vector<Denied<http::HostPattern>> denied_names;
    std::vector<AddressRange> allowed_ranges;
    std::vector<http::HostPattern> allowed_names;
    PortRanges allowed_ports;
    std::vector<AddressRange> loopback = address_ranges("loopback");
    std::vector<net::Endpoint> own_listeners;
    std::vector<http::Origin> trusted;
    IsOwnAddress is_own_address;
    int name_not_allowed;
    int address_not_allowed;
    OfAddressAndName loopback_not_allowed;
    OfAddressAndName own_listener_not_allowed;
};

TargetRules::Impl::Impl(const TargetSettings& settings, IsOwnAddress is_own_address_)
    : allowed_ports(settings.ports),
      own_listeners(settings.own_listeners),
      trusted(settings.trusted),
      is_own_address(is_own_address_),
      name_not_allowed(causes.add("not among the names of --allow-target")),
      address_not_allowed(causes.add("not in a network of --allow-target, whose names cover no "
                                     "address")),
      loopback_not_allowed(add_near("loopback is reached only with --allow-target loopback")),
      own_listener_not_allowed(add_near("our own listener")) {
    const auto deny = [this](std::string_view ranges, std::string text) {
        const int cause = causes.add(std::move(text));
        for (const auto& range : address_ranges(ranges)) denied_ranges.push_back({range, cause});
        return cause;
    };
    for (const auto& [range, is] : never_reached) {
        deny(range, std::string{range}.append(" is ").append(is).append(", never reached"));
    }
    for (const auto& text : settings.deny) {
        const int cause = deny(text, "--deny-target " + text);
        if (!address_ranges(text).empty()) continue;
        if (auto name = http::HostPattern::parse(text)) denied_names.push_back({*name, cause});
    }
    for (const auto& text : settings.allow) {
        const auto ranges = address_ranges(text);
        allowed_ranges.insert(allowed_ranges.end(), ranges.begin(), ranges.end());
        if (!ranges.empty()) continue;
        if (auto name = http::HostPattern::parse(text)) allowed_names.push_back(*name);
    }
}

TargetRules::Impl::OfAddressAndName TargetRules::Impl::add_near(const std::string& text) {
    return {causes.add(text),
            causes.add(text + "; if the name is to lead clients to us, let --resolver name servers "
                              "that know the origin")};
}

// What is said of an origin without its address.
std::optional<Failure> TargetRules::Impl::judge_host(const http::Origin& origin) const {
    for (const auto& [name, cause] : denied_names) {
        if (name.matches(origin.host)) return denied(Errc::target_denied, cause);
    }
    if (trusts(origin)) return std::nullopt;
    if (!allowed_ports.empty() && !allowed_ports.contains(origin.port)) {
        return denied(Errc::target_denied, Causes::of_port(origin.port));
    }
    if (allowed_names.empty()) return std::nullopt;
    const auto fits = [&](const http::HostPattern& name) { return name.matches(origin.host); };
    if (std::ranges::any_of(allowed_names, fits)) return std::nullopt;
    const auto address = literal(origin.host);
    if (address && access::contains(allowed_ranges, *address)) return std::nullopt;
    return denied(Errc::target_denied, address ? address_not_allowed : name_not_allowed);
}

// What is said of an address whoever is there.
std::optional<Failure> TargetRules::Impl::judge_address(const net::IpAddress& address) const {
    for (const auto& [range, cause] : denied_ranges) {
        if (range.contains(address)) return denied(Errc::address_denied, cause);
    }
    return std::nullopt;
}

// Whether it is this machine, and then whether that is what the operator wants.
std::optional<Failure> TargetRules::Impl::judge_nearness(const http::Origin& origin,
                                                         const net::IpAddress& address) const {
    const auto denied_as = [&](const OfAddressAndName& causes_of) {
        return denied(Errc::address_denied,
                      literal(origin.host) ? causes_of.address : causes_of.name);
    };
    if (access::contains(allowed_ranges, address)) return std::nullopt;
    if (is_own_listener(address, origin.port)) {
        return denied_as(own_listener_not_allowed);
    }
    if (access::contains(loopback, address) && !trusts(origin)) {
        return denied_as(loopback_not_allowed);
    }
    return std::nullopt;
}

bool TargetRules::Impl::is_own_listener(const net::IpAddress& address, std::uint16_t port) const {
    return std::ranges::any_of(own_listeners, [&](const net::Endpoint& ours) {
        if (ours.port != port) return false;
        if (!is_unspecified(ours.address)) return unmapped(ours.address) == address;
        return access::contains(loopback, address) || is_own_address(address);
    });
}

TargetRules::TargetRules(const TargetSettings& settings, IsOwnAddress is_own_address)
    : impl_(std::make_unique<Impl>(settings, is_own_address)) {}

TargetRules::~TargetRules() = default;

std::optional<Failure> TargetRules::refuse(const http::Origin& origin) const {
    const auto address = literal(origin.host);
    return address ? refuse(origin, *address) : impl_->judge_host(origin);
}

std::optional<Failure> TargetRules::refuse(const http::Origin& origin,
                                           const net::IpAddress& address) const {
    const auto all = meanings(address);
    for (const auto& meaning : all) {
        if (const auto denied = impl_->judge_address(meaning)) return denied;
    }
    if (const auto denied = impl_->judge_host(origin)) return denied;
    for (const auto& meaning : all) {
        if (const auto denied = impl_->judge_nearness(origin, meaning)) return denied;
    }
    return std::nullopt;
}

}  // namespace nikawa::access
