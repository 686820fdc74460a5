// The part of OriginPool that looks ahead: what keeps sessions ready, and what finds out that the
// path to the origin is dead.

#include <algorithm>

#include "nikawa/pool/origin_pool.hpp"
#include "pool/member.hpp"

namespace nikawa::pool {
namespace {

// The shortest time after which silence is worth a doubt: a lost packet has been sent again by
// then.
constexpr Duration shortest_patience = std::chrono::milliseconds{500};

// When nothing could be dialled ahead for want of descriptors, it is tried again.
constexpr Duration pause_without_descriptors = std::chrono::seconds{1};

}  // namespace

void OriginPool::pin() {
    pinned_ = true;
    const bool is_cold = members_.empty() && dials_ == 0;
    if (!is_cold || !start_dials_ahead(1, DialReason::at_start)) look_after();
}

void OriginPool::restore(const RememberedOrigin& remembered) {
    const TimePoint now = loop_.now();
    if (remembered.unused_for) last_used_ = now - *remembered.unused_for;
    facts_.protocol = remembered.protocol;
    if (remembered.protocol == net::Protocol::http_1_1) streams_per_session_ = 1;
    if (remembered.round_trip) facts_.round_trip.note(*remembered.round_trip);
    if (remembered.idle_limit) facts_.idle_limit.restore(now, *remembered.idle_limit);
    facts_.peak.note(now, remembered.peak);
    if (!is_warm()) return;
    const auto plan = plan_upkeep(upkeep_facts({}), limits_.upkeep);
    const bool has_begun = plan.dials > 0 && start_dials_ahead(plan.dials, DialReason::at_start);
    if (!has_begun) look_after();  // there may be no descriptors as yet
}

bool OriginPool::has_descriptors_ahead() const {
    return limits_.descriptors == nullptr || limits_.descriptors->has_room();
}

// Nobody waits for these. False if some have to wait themselves, until there are descriptors.
bool OriginPool::start_dials_ahead(std::size_t count, DialReason reason) {
    for (; count > 0; --count) {
        Promise promise;
        if (limits_.descriptors != nullptr) {
            auto promised = limits_.descriptors->promise();
            if (!promised) return false;
            promise.emplace(std::move(*promised));
        }
        start_dial(reason, std::move(promise));
    }
    return true;
}

void OriginPool::let_go() {
    if (pinned_ || !waiters_.empty()) return;
    last_used_.reset();
    for (Member* member : std::vector{members_}) drain(*member, DialReason::let_go);
}

void OriginPool::drain(Member& member, DialReason why) noexcept {
    member.let_go_for = why;
    member.session->drain();
    update(member);
}

bool OriginPool::is_warm() const {
    if (facts_.needs_http_1_1) return false;  // it is another pool that has its requests
    if (pinned_) return true;
    return last_used_ && loop_.now() - *last_used_ < limits_.keep_warm;
}

void OriginPool::flush() noexcept {
    if (!closed_) upkeep();
}

void OriginPool::upkeep() {
    facts_.peak.note(loop_.now(), exchanges());  // exchanges that began long ago are demand too
    std::vector<Member*> members;
    std::vector<SessionView> views;
    for (Member* member : members_) {
        if (const auto limit = member->session->advertised_idle_limit()) {
            facts_.idle_limit.note_advertised(*limit);
        }
        if (member->session->is_retired()) continue;
        facts_.request_limit.note_carried(member->exchanges);
        judge_use(*member);
        members.push_back(member);
        views.push_back(member->view(loop_.now()));
    }
    const auto plan = plan_upkeep(upkeep_facts(views), limits_.upkeep);
    const auto peak = facts_.peak.at(loop_.now());
    const bool has_grown = peak > std::exchange(planned_peak_, peak);
    const auto shortage = has_grown ? reason_to_wait() : last_loss_;
    const bool had_descriptors = has_descriptors_ahead();
    const bool has_dialled = start_dials_ahead(plan.dials, plan.reason.value_or(shortage));
    for (const auto [place, reason] : plan.drain) drain(*members[place], reason);
    for (const auto place : plan.probe) members[place]->ask(loop_.now());
    idle_horizon_ = plan.idle_horizon;
    Deadline next = Deadline::none();
    if (plan.next != Duration::max()) next = Deadline{loop_.now() + plan.next};
    fail_while_out();
    if (!waiters_.empty() && may_dial_for_waiters()) start_dials();
    next = std::min(next, next_look_at_outage());
    if (is_warm()) {
        if (!had_descriptors || !has_dialled) {
            next = std::min(next, Deadline::after(loop_.now(), pause_without_descriptors));
        }
        next = std::min(next, factory_.dialer().keep_resolved(origin_));
        if (!pinned_) next = std::min(next, Deadline{*last_used_ + limits_.keep_warm});
    }
    next_upkeep_.arm(next);
}

UpkeepFacts OriginPool::upkeep_facts(const std::vector<SessionView>& views) const {
    const TimePoint now = loop_.now();
    const bool has_later = std::ranges::any_of(members_, [this](const Member* member) {
        return !member->session->is_retired() && back_off_.is_later(member->made);
    });
    const bool is_tried = back_off_.is_out(now) && attempts_under_way() > 0;
    return {.sessions = views,
            .dials = dials_,
            .leaving = members_.size() - views.size(),
            .is_warm = is_warm(),
            .may_dial = back_off_.next_unasked() <= now && !is_tried && has_descriptors_ahead(),
            .is_failing = back_off_.is_failing(now) && !has_later,
            .recent_peak = facts_.peak.at(now),
            .streams_per_session = streams_per_session_,
            .round_trip = facts_.round_trip.get(),
            .dial_time = facts_.dial_time,
            .idle_limit = facts_.idle_limit.at(now),
            .request_limit = facts_.request_limit.at(now),
            .ping_interval = facts_.ping_interval};
}

// What it teaches that a session takes no more streams.
void OriginPool::learn_from_loss(const Member& member) {
    const auto& session = *member.session;
    switch (session.end_cause()) {
        case origin::SessionEnd::idle_closed:
            facts_.idle_limit.note_closed(loop_.now(), loop_.now() - session.idle_since());
            last_loss_ = DialReason::origin_closed;
            break;
        case origin::SessionEnd::limit:
            facts_.request_limit.note_ended(member.made, loop_.now(), member.exchanges);
            last_loss_ = DialReason::origin_closed;
            break;
        case origin::SessionEnd::calm:
            facts_.note_calm();
            last_loss_ = DialReason::origin_closed;
            break;
        case origin::SessionEnd::http_1_1:
            facts_.needs_http_1_1 = true;
            last_loss_ = DialReason::origin_closed;
            break;
        case origin::SessionEnd::none:
        case origin::SessionEnd::ours:
            last_loss_ = member.let_go_for.value_or(DialReason::let_go);
            break;
        case origin::SessionEnd::taken_over: last_loss_ = DialReason::peak_exceeded; break;
        case origin::SessionEnd::broken: last_loss_ = DialReason::broken; break;
    }
    if (member.trust != Member::Trust::trusted) last_loss_ = DialReason::path_silent;
    if (limits_.listener == nullptr) return;
    limits_.listener->session_ended(
        origin_, last_loss_, member.address, loop_.now() - member.made, member.exchanges);
}

Duration OriginPool::patience() const {
    return std::max<Duration>(facts_.round_trip.get() * 3, shortest_patience);
}

PathEvidence OriginPool::Member::evidence(TimePoint now) const {
    const TimePoint heard = session->last_heard();
    const bool waits_for_sign = asked_at && !has_answered();
    PathEvidence evidence{.is_owed = session->streams() > 0 || waits_for_sign,
                          .silence = now - std::max(heard, owed_since),
                          .patience = pool.patience(),
                          .asked = {},
                          .has_answered = has_answered() && owed_since <= heard,
                          .answers_ping = session->protocol() == net::Protocol::http_2,
                          .transport = {}};
    if (waits_for_sign) evidence.asked = now - *asked_at;
    if (evidence.is_owed && evidence.silence >= evidence.patience) {
        evidence.transport = session->path();
    }
    return evidence;
}

void OriginPool::check_path(Member& member) noexcept {
    const TimePoint now = loop_.now();
    const auto verdict = judge_path(member.evidence(now));
    switch (verdict.kind) {
        case PathVerdict::Kind::rest: return member.asked_at.reset();
        case PathVerdict::Kind::wait: break;
        case PathVerdict::Kind::ask: member.ask(now); break;
        case PathVerdict::Kind::alive:
            member.asked_at.reset();
            if (member.trust != Member::Trust::trusted) trust_again(member);
            break;
        case PathVerdict::Kind::doubt: return put_in_doubt(member);
    }
    member.look_after(verdict.look_again);
}

// Nothing is given out on it until it is heard of. Whoever waits for a response may try elsewhere.
void OriginPool::put_in_doubt(Member& member) noexcept {
    if (member.trust == Member::Trust::doubtful) return;
    ++counters_.doubts;
    if (member.trust == Member::Trust::trusted) member.mistrusted_at = loop_.now();
    member.trust = Member::Trust::doubtful;
    last_loss_ = DialReason::path_silent;
    take_off(member);
    factory_.dialer().avoid(origin_, member.address);
    member.session->call_when_heard();
    for (Member* sibling : std::vector{members_}) {
        if (sibling != &member && sibling->address == member.address) ask_to_prove(*sibling);
    }
    if (!waiters_.empty()) start_dials();
    look_after();  // new sessions are dialled at the end of this turn
    member.session->doubt();
}

void OriginPool::ask_to_prove(Member& member) noexcept {
    if (member.trust != Member::Trust::trusted || member.session->is_retired()) return;
    member.trust = Member::Trust::proving;
    member.mistrusted_at = loop_.now();
    take_off(member);
    member.session->call_when_heard();
    member.ask(loop_.now());
}

void OriginPool::trust_again(Member& member) noexcept {
    if (std::exchange(member.early, false)) facts_.round_trip.note(loop_.now() - member.made);
    member.trust = Member::Trust::trusted;
    member.asked_at.reset();
    if (member.session->streams() > 0) member.look_after(patience());
    update(member);
    look_after();
}

OriginStatus OriginPool::status() const {
    OriginStatus status{.origin = origin_,
                        .counters = counters_,
                        .protocol = facts_.protocol,
                        .sessions = members_.size(),
                        .idle_sessions = 0,
                        .streams = 0,
                        .dials = dials_,
                        .waiters = waiters_.size(),
                        .recent_peak = facts_.peak.at(loop_.now()),
                        .is_warm = is_warm(),
                        .round_trip = facts_.round_trip.get(),
                        .dial_time = facts_.dial_time,
                        .idle_limit = facts_.idle_limit.at(loop_.now()),
                        .outage = outage()};
    for (const Member* member : members_) {
        const auto streams = member->session->streams();
        status.streams += streams;
        if (streams == 0 && !member->session->is_retired()) ++status.idle_sessions;
    }
    return status;
}

RememberedOrigin OriginPool::remember() const {
    const TimePoint now = loop_.now();
    RememberedOrigin remembered{.origin = origin_,
                                .protocol = facts_.protocol,
                                .requires_http_1_1 = needs_http_1_1(),
                                .round_trip = {},
                                .idle_limit = facts_.idle_limit.at(now),
                                .peak = facts_.peak.at(now),
                                .unused_for = {}};
    if (last_used_) remembered.unused_for = now - *last_used_;
    const auto round_trip = facts_.round_trip.get();
    if (round_trip > Duration::zero()) remembered.round_trip = round_trip;
    return remembered;
}

}  // namespace nikawa::pool
