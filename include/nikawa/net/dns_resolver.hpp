#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/resolver.hpp"

namespace nikawa::net {

/// How names are looked up.
struct DnsSettings {
    /// "ADDR[:PORT]", "[ADDR]:PORT", which have the last word; empty: the system's, after its
    /// hosts file.
    std::vector<std::string> servers;
    std::chrono::milliseconds query_timeout{1500};  ///< of one try; doubled in every round
    int tries = 3;
    std::string system_file = "/etc/resolv.conf";  ///< names the system's servers
    std::uint16_t system_port = 53;                ///< where those listen
    Duration stale = std::chrono::hours{24};   ///< an expired answer serves so long if DNS fails
    Duration grace = std::chrono::minutes{2};  ///< an address stays the host's without being named
};

/// A resolver that asks /etc/hosts and DNS, of servers that are named DNS alone, without threads,
/// and remembers answers as long as they are valid (RFC 2181 §8): one query for a name at a time,
/// however many wait for it.
///
/// When DNS fails, an answer serves beyond its expiry (RFC 8767): at once if it is known to fail,
/// else after half a second, while the query goes on. A change of the system's configuration is
/// noticed.
///
/// Names are taken as fully qualified: no search domain is ever appended. IP addresses are
/// answered at once. It outlives the coroutines that wait for it.
class DnsResolver final : public Resolver {
public:
    /// Throws std::runtime_error that names the server it could not understand.
    DnsResolver(EventLoop& event_loop, const DnsSettings& settings);
    ~DnsResolver() override;

    Task<Result<Addresses>> resolve(std::string host, Deadline deadline) override;
    Deadline keep_fresh(const std::string& host) override;
    [[nodiscard]] bool has_left(const std::string& host, const IpAddress& address) const override;

    /// Ends all waiting with resolve_failed, now and from now on.
    void cancel() noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::net
