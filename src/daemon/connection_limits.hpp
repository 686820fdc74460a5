#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "nikawa/net/endpoint.hpp"

namespace nikawa::daemon {

class ConnectionLimits;

/// The move-only right to keep one connection of a client open; gives it back when destroyed.
class ConnectionPlace {
public:
    ConnectionPlace(ConnectionLimits& limits, const net::IpAddress& client)
        : limits_(&limits), client_(client) {}
    ConnectionPlace(ConnectionPlace&& other) noexcept
        : limits_(std::exchange(other.limits_, nullptr)), client_(other.client_) {}
    ConnectionPlace& operator=(ConnectionPlace&& other) noexcept {
        std::swap(limits_, other.limits_);
        std::swap(client_, other.client_);
        return *this;
    }
    ~ConnectionPlace() { give_back(); }

    void give_back() noexcept;

    [[nodiscard]] const net::IpAddress& client() const { return client_; }

private:
    ConnectionLimits* limits_;
    net::IpAddress client_;
};

/// How many connections of clients are open in the whole daemon, and how many may be. From any
/// thread.
class ConnectionLimits {
public:
    /// `per_client` counts by address, with all of loopback as one; 0 is no limit.
    ConnectionLimits(std::size_t total, std::size_t per_client)
        : total_(total), per_client_(per_client) {}

    /// A place for a connection of that client; nothing if there is none.
    std::optional<ConnectionPlace> take(const net::IpAddress& client);

    /// Whether it is the client itself that has as many as it may.
    [[nodiscard]] bool is_used_up_by(const net::IpAddress& client) const;

    [[nodiscard]] std::size_t open() const;

    /// The most that were open at once since the last call.
    std::size_t take_most_open();

    [[nodiscard]] std::size_t total() const { return total_; }
    [[nodiscard]] std::size_t per_client() const { return per_client_; }

private:
    friend ConnectionPlace;
    struct Hash {
        std::size_t operator()(const net::IpAddress& address) const noexcept;
    };

    void give_back(const net::IpAddress& client) noexcept;
    [[nodiscard]] std::size_t open_of(const net::IpAddress& client) const;

    const std::size_t total_;
    const std::size_t per_client_;
    mutable std::mutex mutex_;
    std::size_t open_ = 0;
    std::size_t most_open_ = 0;
    std::unordered_map<net::IpAddress, std::size_t, Hash> of_client_;  // only with a limit of them
};

/// How many connections of clients there may be by default, when so many descriptors may be open:
/// three quarters but for a small reserve, so that connections to origins always find one.
std::size_t default_max_conns(std::size_t descriptors);

/// How many origins a shard keeps warm at most, of so many that share the descriptors: a quarter of
/// these is left for connections to origins, and each needs one at least.
std::size_t max_warm_origins(std::size_t descriptors, std::size_t shards);

/// How many refused connections may be kept open at a time, until they have seen their answer.
std::size_t most_lingering(std::size_t descriptors);

}  // namespace nikawa::daemon
