#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "nikawa/loop/loop.hpp"
#include "nikawa/net/descriptor_reserve.hpp"
#include "nikawa/origin/session_factory.hpp"
#include "nikawa/pool/dial_back_off.hpp"
#include "nikawa/pool/dials_wanted.hpp"
#include "nikawa/pool/origin_facts.hpp"
#include "nikawa/pool/origin_status.hpp"
#include "nikawa/pool/pool_listener.hpp"
#include "nikawa/pool/retry_budget.hpp"
#include "nikawa/pool/upkeep.hpp"

namespace nikawa::pool {

struct PoolLimits {
    UpkeepLimits upkeep{};
    Duration keep_warm = std::chrono::hours{1};  ///< after the last exchange; zero: not at all
    std::size_t max_warm_origins = 1000;         ///< those used last; the operator's do not count
    Duration ping_interval = std::chrono::seconds{15};  ///< of idle HTTP/2 sessions, at first
    std::size_t max_waiters = 10000;
    std::size_t max_exchanges = 10000;  ///< with a stream, at once; more of them wait
    unsigned retry_percent = 20;        ///< of the recent exchanges may be repeats
    origin::StreamTimeouts timeouts{};  ///< of the streams that are given out
    bool early_data = false;            ///< a cold pool may send a request in early data
    std::uint32_t jitter_seed = 0;      ///< of the pauses between dials that fail; 0: no jitter

    /// Asked before dials that nobody waits for; outlives the pools. nullptr: there are enough.
    net::DescriptorReserve* descriptors = nullptr;

    PoolListener* listener = nullptr;  ///< outlives the pools; nullptr: nobody is told
};

/// Whether a request may reach the origin twice: only such a one is sent before the origin has
/// confirmed its handshake.
enum class Repeatable : std::uint8_t { no, yes };

/// What sessions a pool has.
enum class SessionKind : std::uint8_t {
    any,       ///< what the origin prefers
    http_1_1,  ///< such as a stream can be taken over from (OriginStream::take_over())
};

/// A stream for one exchange, and how it was come by.
struct Acquired {
    origin::StreamLease lease;
    bool reused = false;  ///< the session had carried an exchange before
    bool early = false;   ///< the session is not confirmed: the origin may answer 425 (RFC 8470)
    net::Protocol protocol = net::Protocol::http_1_1;
    std::string address;             ///< of the origin's end
    net::DialTimes dialled;          ///< of the dial that the exchange waited for; else zero
    std::optional<DialReason> cold;  ///< why it had to wait; nothing if it did not
};

class OriginPool;

/// An exchange's place in the queue of a pool. A local of whoever waits: leaves the queue when it
/// is destroyed, so giving up leaves nothing behind.
class Waiter final : private loop::Expirable {
public:
    Waiter(loop::Loop& loop, Repeatable repeatable)
        : repeatable_(repeatable), served_(loop), watchdog_(loop.deadlines(), *this) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter();

    /// Ends the wait with `why`; does nothing when a stream has been assigned already.
    void abandon(const Failure& why) noexcept;

    /// The address of the last dial that failed while it waited; nothing if none did, or none that
    /// had an address.
    [[nodiscard]] const std::optional<net::Endpoint>& failed_at() const { return failed_at_; }

private:
    friend OriginPool;
    void expire() noexcept override { abandon({Errc::acquire_timed_out, Side::origin}); }
    void settle(Result<Acquired> outcome);

    const Repeatable repeatable_;
    OriginPool* pool_ = nullptr;  // while it is in its queue
    std::list<Waiter*>::iterator place_;
    DialReason reason_ = DialReason::first_use;
    std::optional<net::Endpoint> failed_at_;
    std::optional<Result<Acquired>> outcome_;
    loop::Event served_;
    loop::Watchdog watchdog_;
};

/// The sessions to one origin, the dials under way and the exchanges that wait, in one shard; and
/// what was learned of the origin.
///
/// A waiter is bound late: to the first stream that becomes free, by a release or by a dial, in the
/// order of the queue. A dial belongs to the pool and not to who made it necessary; it serves
/// whoever waits when it is done. `plan_upkeep()` decides what is done before anybody asks.
class OriginPool final : private loop::TurnFlush, private loop::Expirable {
public:
    /// All that is given outlives the pool.
    OriginPool(loop::Loop& loop,
               http::Origin origin,
               origin::SessionFactory& factory,
               const PoolLimits& limits,
               SessionKind kind = SessionKind::any);
    ~OriginPool() override;

    /// A stream of a warm session, if there is one, nobody waits and not too many exchanges are
    /// under way; never suspends.
    std::optional<Acquired> try_acquire(Repeatable repeatable);

    /// A stream, as soon as there is one for this waiter.
    /// Errors: pool_closed, pool_full (side self), acquire_timed_out, origin_failing (`outage()`
    /// tells more), those of a dial, and what `waiter.abandon()` was given.
    Task<Result<Acquired>> acquire(Waiter& waiter, Deadline deadline);

    /// Whether a request may be sent again after this failure; counted, be it granted or refused.
    bool try_retry(Errc failure, RetryCost cost);

    /// How it stands with an origin to which no connection can be made: then exchanges that find
    /// no session are refused (origin_failing), but for the one that comes when the next attempt
    /// is due and makes it. Nothing while it is not known to be out.
    [[nodiscard]] std::optional<Outage> outage() const;

    /// Whether its dials fail, or did lately.
    [[nodiscard]] bool is_failing() const { return back_off_.is_failing(loop_.now()); }

    /// Keeps a session ready for ever, used or not.
    void pin();

    /// Takes up what was learned of the origin in another life of the daemon, and makes its pool
    /// as warm as it was.
    void restore(const RememberedOrigin& remembered);

    /// Gives out nothing more; sessions end as they become idle, waiters fail.
    void close();

    /// The same, and ends all sessions at once: their streams fail with pool_closed.
    void cut_off();

    /// Lets an idle origin get cold, if it is not pinned: there are too many.
    void let_go();

    /// Since when the session has been idle that has been for longest; nothing if there is none.
    [[nodiscard]] std::optional<TimePoint> idle_since() const noexcept;

    /// Ends that session at once, for the sake of its descriptor.
    void end_longest_idle() noexcept;

    /// Whether it holds nothing: no session, dial or waiter.
    [[nodiscard]] bool is_empty() const;

    /// Whether it is kept warm.
    [[nodiscard]] bool is_warm() const;

    /// Whether it is kept so for ever.
    [[nodiscard]] bool is_pinned() const { return pinned_; }

    /// Whether dials that make it warm at the start are under way.
    [[nodiscard]] bool is_warming() const { return starting_dials_ > 0; }

    /// When its last exchange began, if it ever had one.
    [[nodiscard]] std::optional<TimePoint> last_used() const { return last_used_; }

    [[nodiscard]] const http::Origin& origin() const { return origin_; }

    /// What its sessions speak, by the last one that was made.
    [[nodiscard]] std::optional<net::Protocol> protocol() const { return facts_.protocol; }

    /// Whether the origin wants HTTP/1.1 although it speaks HTTP/2, and that it does.
    [[nodiscard]] bool needs_http_1_1() const { return facts_.needs_http_1_1; }
    void note_http_1_1_required() { facts_.needs_http_1_1 = true; }

    [[nodiscard]] PoolCounts counts() const;
    [[nodiscard]] OriginStatus status() const;
    [[nodiscard]] RememberedOrigin remember() const;

private:
    friend Waiter;
    class Member;

    // Giving out
    using Promise = std::optional<net::DescriptorReserve::Promise>;
    Task<void> dial_and_serve(DialReason reason, Promise promise);
    Task<void> serve_session(origin::DialledSession dialled);
    void start_dials();
    void start_dials(std::size_t count, DialReason reason);
    void start_dial(DialReason reason, Promise promise);
    void dial_failed(const net::DialFailure& why, TimePoint began);
    void serve_waiters();
    void fail_waiters(const Failure& why);
    [[nodiscard]] Member* pick(Repeatable repeatable) const;
    Acquired open_on(Member& member);
    void take_off(Member& member) noexcept;
    void update(Member& member) noexcept;
    void note_demand();
    void note_idle(const Member& member);
    void note_streams(Member& member) noexcept;
    [[nodiscard]] bool has_room() const { return streams_ < limits_.max_exchanges; }
    [[nodiscard]] std::size_t exchanges() const { return waiters_.size() + streams_; }
    [[nodiscard]] DialReason reason_to_wait() const;
    [[nodiscard]] net::DialMode dial_mode() const;

    [[nodiscard]] Member* longest_idle() const noexcept;

    // When dials fail
    void judge_use(Member& member) noexcept;
    void fail_while_out();
    [[nodiscard]] bool has_hope() const;
    [[nodiscard]] bool may_come_back() const;
    [[nodiscard]] bool may_dial_for_waiters() const;
    [[nodiscard]] std::size_t attempts_under_way() const;
    [[nodiscard]] TimePoint overdue_at() const;
    [[nodiscard]] bool fails_fast() const;
    [[nodiscard]] Deadline next_look_at_outage() const;

    // Looking ahead
    void look_after() { mark_dirty(); }  // at the end of this turn
    void flush() noexcept override;
    void expire() noexcept override { look_after(); }
    void upkeep();
    [[nodiscard]] bool has_descriptors_ahead() const;
    [[nodiscard]] bool start_dials_ahead(std::size_t count, DialReason reason);
    [[nodiscard]] UpkeepFacts upkeep_facts(const std::vector<SessionView>& views) const;
    void learn_from_loss(const Member& member);
    void drain(Member& member, DialReason why) noexcept;
    [[nodiscard]] Duration patience() const;
    void check_path(Member& member) noexcept;
    void put_in_doubt(Member& member) noexcept;
    void ask_to_prove(Member& member) noexcept;
    void trust_again(Member& member) noexcept;

    loop::Loop& loop_;
    http::Origin origin_;
    origin::SessionFactory& factory_;
    const PoolLimits& limits_;
    const SessionKind kind_;
    std::vector<Member*> members_;
    std::vector<Member*> available_;  // with capacity; the one idle for the shortest time is last
    std::list<Waiter*> waiters_;
    std::size_t streams_ = 0;  // open on the members
    std::size_t dials_ = 0;
    TimePoint dialling_since_{};      // while there are dials: when the first of them began
    std::size_t starting_dials_ = 0;  // of these, those that make it warm at the start
    std::size_t streams_per_session_;
    OriginFacts facts_;
    OriginCounters counters_;
    bool closed_ = false;

    bool pinned_ = false;
    std::optional<TimePoint> last_used_;
    std::size_t planned_peak_ = 0;  // a higher one calls for a new plan
    Duration idle_horizon_{};       // an idle session needs nothing for so long
    DialBackOff back_off_;
    TimePoint last_dial_failure_{};
    TimePoint last_hindrance_{};  // when a dial failed for what is not the origin's
    bool is_hindered_ = false;    // the last one to end did: one at a time finds out
    bool was_refused_ = false;    // somebody, since the last attempt
    RetryBudget retry_budget_;
    DialReason last_loss_ = DialReason::first_use;  // why there is no session, if there is none
    loop::Watchdog next_upkeep_;
};

}  // namespace nikawa::pool
