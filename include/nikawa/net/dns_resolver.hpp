#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/resolver.hpp"

namespace nikawa::net {

/// How names are looked up.
struct DnsSettings {
    std::vector<std::string> servers;  ///< "ADDR[:PORT]", "[ADDR]:PORT"; empty: as the system's
    std::chrono::milliseconds query_timeout{1500};  ///< of one try; doubled in every round
    int tries = 3;
};

/// A resolver that asks /etc/hosts and DNS, without threads, and remembers answers as long as they
/// are valid (RFC 2181 §8): one query for a name at a time, however many wait for it.
///
/// Names are taken as fully qualified: no search domain is ever appended. IP addresses are
/// answered at once. It outlives the coroutines that wait for it.
class DnsResolver final : public Resolver {
public:
    /// Throws std::runtime_error that names the server it could not understand.
    DnsResolver(EventLoop& event_loop, const DnsSettings& settings);
    ~DnsResolver() override;

    Task<Result<Addresses>> resolve(std::string host, Deadline deadline) override;

    /// Ends all waiting with resolve_failed, now and from now on.
    void cancel() noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::net
