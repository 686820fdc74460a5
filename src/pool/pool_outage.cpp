// The part of OriginPool that deals with an origin to which no connection can be made.

#include <algorithm>

#include "nikawa/pool/origin_pool.hpp"
#include "pool/member.hpp"

namespace nikawa::pool {
namespace {

constexpr Failure failing{Errc::origin_failing, Side::origin};

// An attempt to connect that has been under way for longer holds nobody but who began it: where
// packets are dropped it ends with its timeout only.
constexpr Duration shortest_attempt = std::chrono::seconds{1};

// What says nothing of the origin.
constexpr bool is_hindrance(Errc code) {
    return code == Errc::address_denied || code == Errc::target_denied ||
           code == Errc::descriptors_exhausted || code == Errc::pool_closed;
}

// What is forbidden stays so until rules or names change.
constexpr bool is_denial(Errc code) {
    return code == Errc::address_denied || code == Errc::target_denied;
}

}  // namespace

std::optional<Outage> OriginPool::outage() const {
    auto outage = back_off_.outage(loop_.now());
    if (outage && attempts_under_way() > 0) outage->next_attempt_in = {};
    return outage;
}

bool OriginPool::try_retry(Errc failure, RetryCost cost) {
    if (cost == RetryCost::counted && !retry_budget_.try_retry(loop_.now())) {
        ++counters_.retries_refused;
        return false;
    }
    if (cost == RetryCost::free) retry_budget_.note_free_retry(loop_.now());
    ++counters_.retries[failure];
    return true;
}

// Who waits has nothing coming but what another dial or a session may give; and nothing at all of
// an origin that may no longer be reached: sessions to it were made when it was allowed, but may be
// busy for ever.
void OriginPool::dial_failed(const net::DialFailure& why, TimePoint began) {
    const TimePoint now = loop_.now();
    const bool is_ours = is_hindrance(why.code);
    ++counters_.failed_dials;
    last_loss_ = DialReason::dial_failed;
    was_refused_ = false;
    is_hindered_ = is_ours;
    if (is_ours) {
        last_hindrance_ = now;
        back_off_.note_hindrance(now);
    } else {
        last_dial_failure_ = now;
        back_off_.note_failure(began, now, why);
    }
    if (why.peer) {
        for (Waiter* waiter : waiters_) waiter->failed_at_ = why.peer;
    }
    const bool has_nothing_coming = dials_ == 0 && !has_hope() && (is_ours || !may_come_back());
    if (has_nothing_coming || is_denial(why.code)) fail_waiters(why);
    look_after();
}

// One that has answered, or was there for a while, shows that the origin is back. One that ended
// before is no better than a dial that failed: an origin, or what is before it, may accept whatever
// comes and serve nobody.
void OriginPool::judge_use(Member& member) noexcept {
    if (member.judged || closed_) return;
    const auto& session = *member.session;
    const TimePoint now = loop_.now();
    const bool has_lived =
        member.trust == Member::Trust::trusted && now - member.made >= Member::shortest_useful_age;
    if (session.has_answered() || has_lived) {
        member.judged = true;
        if (back_off_.is_failing(now)) look_after();  // others may be wanted beside it
        back_off_.note_use(member.made);
    } else if (session.is_retired() && session.streams() == 0) {
        member.judged = true;
        if (session.end_cause() == origin::SessionEnd::ours) return;
        was_refused_ = false;
        back_off_.note_failure(member.made, now, {Errc::peer_closed, Side::origin});
    }
}

bool OriginPool::has_hope() const {
    return std::ranges::any_of(members_,
                               [](const Member* member) { return member->is_promising(); });
}

// An origin that worked until a moment ago may be restarting: nothing was sent, so who waits may
// wait a little longer.
bool OriginPool::may_come_back() const {
    constexpr Duration time_to_restart = std::chrono::seconds{3};
    const TimePoint now = loop_.now();
    return facts_.protocol && back_off_.is_failing(now) && back_off_.lasting(now) < time_to_restart;
}

std::size_t OriginPool::attempts_under_way() const {
    const auto unproven = std::ranges::count_if(
        members_, [this](const Member* member) { return member->is_unproven(loop_.now()); });
    return dials_ + static_cast<std::size_t>(unproven);
}

// Whether whoever waits may have dials made. One at a time finds out whether the origin is back.
// What hinders us may do so in no time at all, and who waits for something else does not go when it
// does.
bool OriginPool::may_dial_for_waiters() const {
    const TimePoint now = loop_.now();
    const bool may_be_served = dials_ > 0 || has_hope();
    if (may_be_served && now < last_hindrance_ + DialBackOff::shortest_pause) return false;
    if (may_come_back() && now < last_dial_failure_ + DialBackOff::shortest_pause) return false;
    if (!back_off_.is_out(now)) return true;
    return now >= back_off_.next_asked(now) && attempts_under_way() == 0;
}

TimePoint OriginPool::overdue_at() const {
    return dialling_since_ + std::max<Duration>(facts_.round_trip.get() * 3, shortest_attempt);
}

// Whether an exchange that finds no stream has better be told so at once.
bool OriginPool::fails_fast() const {
    const TimePoint now = loop_.now();
    if (!back_off_.is_out(now) || may_come_back() || has_hope()) return false;
    return dials_ > 0 ? now >= overdue_at() : now < back_off_.next_asked(now);
}

// Who came first stays: the attempt to connect is made for it, and it hears how that ends. While
// somebody asks for the origin, an attempt is made as soon as it is due, so that nobody has to wait
// for its end.
void OriginPool::fail_while_out() {
    if (fails_fast() && !waiters_.empty()) {
        const std::size_t kept = dials_ > 0 ? 1 : 0;
        while (waiters_.size() > kept) waiters_.back()->settle(failing);
        was_refused_ = true;
    }
    const TimePoint now = loop_.now();
    const bool is_asked_for = was_refused_ && waiters_.empty() && back_off_.is_out(now);
    if (is_asked_for && !has_hope() && may_dial_for_waiters()) {
        start_dials(1, DialReason::dial_failed);
    }
}

Deadline OriginPool::next_look_at_outage() const {
    const TimePoint now = loop_.now();
    Deadline next = Deadline::none();
    const auto look_at = [&](TimePoint time) {
        if (time > now) next = std::min(next, Deadline{time});
    };
    look_at(back_off_.next_unasked());
    if (!waiters_.empty()) look_at(last_hindrance_ + DialBackOff::shortest_pause);
    if (!back_off_.is_failing(now)) return next;
    if (!waiters_.empty() || was_refused_) look_at(back_off_.next_asked(now));
    if (!waiters_.empty()) look_at(last_dial_failure_ + DialBackOff::shortest_pause);
    if (!waiters_.empty() && dials_ > 0) look_at(overdue_at());
    for (const Member* member : members_) {
        if (!member->judged) look_at(member->made + Member::shortest_useful_age);
    }
    return next;
}

}  // namespace nikawa::pool
