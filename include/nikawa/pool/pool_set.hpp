#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "nikawa/pool/origin_pool.hpp"

namespace nikawa::pool {

/// The pools of a shard, one for each origin in use or kept warm; for one that prefers HTTP/2 and
/// is asked for upgrades, or wants HTTP/1.1 after all, there is a second, of HTTP/1.1 sessions.
class PoolSet final : private loop::Expirable {
public:
    /// All that is given outlives the set.
    PoolSet(loop::Loop& loop, origin::SessionFactory& factory, PoolLimits limits);

    /// The pool of that origin, made when there is none. The reference holds as long as the pool
    /// has a session, a dial or a waiter, and until the caller suspends.
    OriginPool& pool_of(const http::Origin& origin, SessionKind kind = SessionKind::any);

    /// The same for a request that asks for an upgrade: the pool of all other requests where that
    /// is known to have HTTP/1.1 sessions, else one that has no others.
    OriginPool& pool_for_upgrade(const http::Origin& origin);

    /// The origin has answered HTTP_1_1_REQUIRED (RFC 9113 §7): as long as it is remembered, in
    /// later lives of the daemon too, all its requests get sessions of HTTP/1.1.
    void require_http_1_1(const http::Origin& origin);

    /// What makes the connections.
    [[nodiscard]] net::Dialer& dialer() const { return factory_.dialer(); }

    /// Keeps a session to the origin ready for ever, used or not.
    void pin(const http::Origin& origin) { pool_of(origin).pin(); }

    /// Makes the pools as warm as they were in another life of the daemon.
    void restore(const std::vector<RememberedOrigin>& remembered);

    /// Whether dials that `pin()` and `restore()` began are under way.
    [[nodiscard]] bool is_warming() const;

    /// What is worth knowing in the next life of the daemon, of each origin that was ever used.
    [[nodiscard]] std::vector<RememberedOrigin> remember() const;

    /// How it stands with each origin.
    [[nodiscard]] std::vector<OriginStatus> status() const;

    /// Ends the session that has been idle for longest, of any origin; its descriptor is free when
    /// this returns. False if there is none.
    bool let_idle_session_go() noexcept;

    /// Closes every pool: nothing more is given out, sessions end as they become idle.
    void close();

    /// The same, and ends all sessions at once.
    void cut_off();

    [[nodiscard]] std::size_t size() const { return pools_.size(); }

private:
    struct Key {
        http::Origin origin;
        SessionKind kind;
    };
    struct KeyView {
        const http::Origin& origin;
        SessionKind kind;
    };
    struct HashKey {
        using is_transparent = void;
        std::size_t operator()(const auto& key) const { return hash_of(key.origin); }
    };
    struct SameKey {
        using is_transparent = void;
        bool operator()(const auto& a, const auto& b) const {
            return a.kind == b.kind && a.origin == b.origin;
        }
    };
    static std::size_t hash_of(const http::Origin& origin);
    void expire() noexcept override;
    void move_pins();
    [[nodiscard]] const OriginPool& serving_in_place_of(const OriginPool& pool) const;
    void limit_warm_origins();
    [[nodiscard]] bool is_forgettable(const OriginPool& pool) const;

    loop::Loop& loop_;
    origin::SessionFactory& factory_;
    PoolLimits limits_;
    loop::Watchdog upkeep_;
    std::unordered_map<Key, std::unique_ptr<OriginPool>, HashKey, SameKey> pools_;
    bool closed_ = false;
};

}  // namespace nikawa::pool
