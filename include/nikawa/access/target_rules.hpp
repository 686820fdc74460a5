#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/base/failure.hpp"
#include "nikawa/http/origin.hpp"
#include "nikawa/net/dialer.hpp"
#include "nikawa/net/endpoint.hpp"

namespace nikawa::access {

/// Whether `text` is a value of --allow-target or --deny-target: a word or a CIDR of
/// `address_ranges()`, or a name pattern.
bool is_target(std::string_view text);

/// What the rules are made from: the operator's words, which parsing has found valid.
struct TargetSettings {
    std::vector<std::string> allow = {};
    std::vector<std::string> deny = {};
    std::vector<std::string> ports = {};            ///< empty: all
    std::vector<net::Endpoint> own_listeners = {};  ///< 0.0.0.0 and :: are every address of ours
    /// --upstream and the like: named by the operator, they need no allowance by name or port, nor
    /// for a loopback address.
    std::vector<http::Origin> trusted = {};
};

/// Which origins may be reached, by name before anything is done for a request, and by address
/// before it is connected to, so that no name can lead where no address may.
///
/// In this order: link-local, multicast, unspecified and reserved addresses and those of the
/// clouds' metadata are never reached. What --deny-target names is not, whatever else allows it.
/// Ports are those of --allow-port. Once --allow-target has a name, only hosts that match one, and
/// literal addresses within its CIDRs, are reached. Loopback, and our own listeners, only if a CIDR
/// of --allow-target has them. An address is judged by each of its `meanings()`.
///
/// Read only: shards share one.
class TargetRules final : public net::AddressRules {
public:
    /// Whether an address is one of this machine's; asked only for a port that we listen on.
    using IsOwnAddress = bool (*)(const net::IpAddress&);

    explicit TargetRules(const TargetSettings& settings, IsOwnAddress is_own_address);
    ~TargetRules() override;

    /// By name and port: nothing, or target_denied or (for a literal address) address_denied, whose
    /// cause says which rule. Failures are valid as long as the rules live.
    [[nodiscard]] std::optional<Failure> refuse(const http::Origin& origin) const;

    /// By address, and by name and port as well, for not every connection is made for a request.
    [[nodiscard]] std::optional<Failure> refuse(const http::Origin& origin,
                                                const net::IpAddress& address) const override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::access
