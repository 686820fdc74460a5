#pragma once

#include <optional>

#include "nikawa/pool/origin_pool.hpp"
#include "nikawa/pool/path_verdict.hpp"

namespace nikawa::pool {

/// One session of a pool: its place among those that can be given out, and what is thought of its
/// path.
class OriginPool::Member final : public origin::SessionListener, private loop::Expirable {
public:
    Member(OriginPool& owner, origin::DialledSession dialled);

    void capacity_changed(origin::OriginSession&) noexcept override { pool.update(*this); }
    void heard(origin::OriginSession&) noexcept override { pool.trust_again(*this); }

    /// A request is about to be written on a stream just opened: the origin owes an answer.
    void note_request(TimePoint now) {
        const bool owes_more = owed_since > session->last_heard() && session->streams() > 1;
        if (owes_more && !watch_.deadline().is_none()) return;
        if (!owes_more) owed_since = now;
        if (watch_.deadline() > Deadline{now + pool.patience()}) look_after(pool.patience());
    }

    /// Asks for a sign of life, if that is not asked for already.
    void ask(TimePoint now) {
        session->probe();
        if (!asked_at || has_answered()) asked_at = now;
        look_after(pool.patience());
    }

    /// Has its path judged after this time.
    void look_after(Duration time) {
        due_ = pool.loop_.now() + time;
        watch_.arm(Deadline{due_});
    }

    /// Whether the sign of life that was asked for has come.
    [[nodiscard]] bool has_answered() const {
        return asked_at && session->last_heard() >= *asked_at;
    }

    [[nodiscard]] PathEvidence evidence(TimePoint now) const;

    enum class Trust : std::uint8_t {
        trusted,
        proving,   // another session to its address went silent: it is asked for a sign of life
        doubtful,  // nothing comes back
    };

    /// Whether a stream may still become free on it.
    [[nodiscard]] bool is_promising() const {
        return trust != Trust::doubtful && !session->is_retired();
    }

    /// Whether it is not known yet if it is of use: it has neither answered nor lived for a while,
    /// and if it has ended, then with an exchange that does not know of it yet.
    [[nodiscard]] bool is_unproven(TimePoint now) const {
        return !judged && trust == Trust::trusted && !session->has_answered() &&
               now - made < shortest_useful_age;
    }

    // A session that its origin ends sooner, unused, is not dialled anew at once.
    static constexpr Duration shortest_useful_age = std::chrono::seconds{2};

    [[nodiscard]] bool can_be_given_out() const {
        return trust == Trust::trusted && session->capacity() > 0;
    }

    [[nodiscard]] SessionView view(TimePoint now) const;

    OriginPool& pool;
    const std::unique_ptr<origin::OriginSession> session;
    const net::DialTimes dialled;
    const net::IpAddress address;
    const TimePoint made;
    std::size_t exchanges = 0;
    std::size_t counted_streams = 0;  // of those open, by the pool's sum
    bool available = false;           // stands in the list
    bool early = false;               // not confirmed by the origin
    bool lost = false;                // takes no more streams, and what that teaches is learned
    bool judged = false;              // whether it was of use
    Trust trust = Trust::trusted;
    TimePoint mistrusted_at{};             // when it lost the trust that it has not
    TimePoint owed_since{};                // when the first request after the last word was written
    std::optional<TimePoint> asked_at;     // and nothing came since
    std::optional<DialReason> let_go_for;  // why we drained it, if we did

private:
    // When it is we who were held up, what the origin sent meanwhile is still to be read.
    void expire() noexcept override {
        if (pool.loop_.now() - due_ > longest_delay) return look_after(pool.patience());
        pool.check_path(*this);
    }

    static constexpr Duration longest_delay = std::chrono::milliseconds{100};

    TimePoint due_{};
    loop::Watchdog watch_;
};

}  // namespace nikawa::pool
