#pragma once

#include <memory>
#include <unordered_map>

#include "nikawa/pool/origin_pool.hpp"

namespace nikawa::pool {

/// The pools of a shard, one for each origin in use.
class PoolSet final : private loop::Expirable {
public:
    /// All that is given outlives the set.
    PoolSet(loop::Loop& loop, origin::SessionFactory& factory, PoolLimits limits);

    /// The pool of that origin, made when there is none. The reference holds as long as the pool
    /// has a session, a dial or a waiter, and until the caller suspends.
    OriginPool& pool_of(const http::Origin& origin);

    /// Closes every pool: nothing more is given out, sessions end as they become idle.
    void close();

    /// The same, and ends all sessions at once.
    void cut_off();

    [[nodiscard]] std::size_t size() const { return pools_.size(); }

private:
    struct HashOrigin {
        std::size_t operator()(const http::Origin& origin) const;
    };
    void expire() noexcept override;

    loop::Loop& loop_;
    origin::SessionFactory& factory_;
    PoolLimits limits_;
    loop::Watchdog upkeep_;
    std::unordered_map<http::Origin, std::unique_ptr<OriginPool>, HashOrigin> pools_;
    bool closed_ = false;
};

}  // namespace nikawa::pool
