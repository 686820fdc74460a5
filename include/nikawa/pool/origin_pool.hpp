#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "nikawa/loop/loop.hpp"
#include "nikawa/origin/session_factory.hpp"
#include "nikawa/pool/dials_wanted.hpp"
#include "nikawa/pool/recent_peak.hpp"
#include "nikawa/pool/upkeep.hpp"

namespace nikawa::pool {

struct PoolLimits {
    IdleLimits idle;
    std::size_t max_sessions = 0;  ///< to one origin; 0 is no limit
    std::size_t max_waiters = 10000;
    origin::StreamTimeouts timeouts;  ///< of the streams that are given out
};

/// A stream for one exchange, and how it was come by.
struct Acquired {
    origin::StreamLease lease;
    bool reused = false;  ///< the session had carried an exchange before
    net::Protocol protocol = net::Protocol::http_1_1;
    std::string address;     ///< of the origin's end
    net::DialTimes dialled;  ///< of the dial that the exchange waited for; else zero
};

class OriginPool;

/// An exchange's place in the queue of a pool. A local of whoever waits: leaves the queue when it
/// is destroyed, so giving up leaves nothing behind.
class Waiter final : private loop::Expirable {
public:
    explicit Waiter(loop::Loop& loop) : served_(loop), watchdog_(loop.deadlines(), *this) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter();

    /// Ends the wait with `why`; does nothing when a stream has been assigned already.
    void abandon(const Failure& why) noexcept;

private:
    friend OriginPool;
    void expire() noexcept override { abandon({Errc::acquire_timed_out, Side::origin}); }
    void settle(Result<Acquired> outcome);

    OriginPool* pool_ = nullptr;  // while it is in its queue
    std::list<Waiter*>::iterator place_;
    std::optional<Result<Acquired>> outcome_;
    loop::Event served_;
    loop::Watchdog watchdog_;
};

/// The sessions to one origin, the dials under way and the exchanges that wait, in one shard.
///
/// A waiter is bound late: to the first stream that becomes free, by a release or by a dial, in the
/// order of the queue. A dial belongs to the pool and not to who made it necessary; it serves
/// whoever waits when it is done. Lives at one address as long as it has a session, a dial or a
/// waiter.
class OriginPool {
public:
    /// All that is given outlives the pool.
    OriginPool(loop::Loop& loop,
               http::Origin origin,
               origin::SessionFactory& factory,
               const PoolLimits& limits);
    OriginPool(const OriginPool&) = delete;
    OriginPool& operator=(const OriginPool&) = delete;
    ~OriginPool();

    /// A stream of a warm session, if there is one and nobody waits; never suspends.
    std::optional<Acquired> try_acquire();

    /// A stream, as soon as there is one for this waiter.
    /// Errors: pool_closed, pool_full (side self), acquire_timed_out, those of a dial, and what
    /// `waiter.abandon()` was given.
    Task<Result<Acquired>> acquire(Waiter& waiter, Deadline deadline);

    /// Retires idle sessions that are of no more use. Called now and then by the set.
    void upkeep();

    /// Gives out nothing more; sessions end as they become idle, waiters fail.
    void close();

    /// The same, and ends all sessions at once: their streams fail with pool_closed.
    void cut_off();

    /// Whether it holds nothing: no session, dial or waiter.
    [[nodiscard]] bool is_empty() const;

    [[nodiscard]] const http::Origin& origin() const { return origin_; }
    [[nodiscard]] PoolCounts counts() const;

private:
    friend Waiter;

    // One session with its place among those that can be given out.
    struct Member final : origin::SessionListener {
        Member(OriginPool& owner, origin::DialledSession dialled);
        void capacity_changed(origin::OriginSession&) noexcept override { pool.update(*this); }

        OriginPool& pool;
        std::unique_ptr<origin::OriginSession> session;
        net::DialTimes dialled;
        bool used = false;
        bool available = false;
    };

    Task<void> dial_and_serve();
    void start_dials();
    void serve_waiters();
    void fail_waiters(const Failure& why);
    Acquired open_on(Member& member);
    void take_off(Member& member) noexcept;
    void update(Member& member) noexcept;
    void note_demand();
    [[nodiscard]] std::size_t exchanges() const;

    loop::Loop& loop_;
    http::Origin origin_;
    origin::SessionFactory& factory_;
    const PoolLimits& limits_;
    std::vector<Member*> members_;
    std::vector<Member*> available_;  // with capacity; the one idle for the shortest time is last
    std::list<Waiter*> waiters_;
    std::size_t dials_ = 0;
    std::size_t streams_per_session_;
    RecentPeak peak_;
    bool closed_ = false;
};

}  // namespace nikawa::pool
