#include "nikawa/pool/origin_pool.hpp"

#include <algorithm>
#include <cassert>
#include <ranges>

#include "pool/member.hpp"

namespace nikawa::pool {
namespace {

// As long as an origin's protocol is unknown it is taken to speak HTTP/2, so that a first burst
// shares one dial; over HTTP/1.1 the others are dialled for when that is known.
constexpr std::size_t streams_of_an_unknown_session = 100;

constexpr Failure closed_failure{Errc::pool_closed, Side::self};
constexpr Failure failing{Errc::origin_failing, Side::origin};

}  // namespace

Waiter::~Waiter() {
    if (pool_ != nullptr) pool_->waiters_.erase(place_);
}

void Waiter::abandon(const Failure& why) noexcept {
    if (pool_ != nullptr) settle(why);
}

void Waiter::settle(Result<Acquired> outcome) {
    std::exchange(pool_, nullptr)->waiters_.erase(place_);
    outcome_.emplace(std::move(outcome));
    served_.notify();
}

OriginPool::Member::Member(OriginPool& owner, origin::DialledSession made_now)
    : pool(owner),
      session(std::move(made_now.session)),
      dialled(made_now.times),
      address(made_now.address),
      made(owner.loop_.now()),
      watch_(owner.loop_.deadlines(), *this) {}

SessionView OriginPool::Member::view(TimePoint now) const {
    SessionView view{.streams = session->streams(),
                     .exchanges = exchanges,
                     .idle = now - session->idle_since(),
                     .age = now - made,
                     .silence = now - session->last_heard(),
                     .answers_ping = session->protocol() == net::Protocol::http_2,
                     .has_left = pool.factory_.dialer().has_left(pool.origin_, address),
                     .doubtful = {}};
    if (trust != Trust::trusted) view.doubtful = now - mistrusted_at;
    return view;
}

OriginPool::OriginPool(loop::Loop& loop,
                       http::Origin origin,
                       origin::SessionFactory& factory,
                       const PoolLimits& limits,
                       SessionKind kind)
    : TurnFlush(loop),
      loop_(loop),
      origin_(std::move(origin)),
      factory_(factory),
      limits_(limits),
      kind_(kind),
      streams_per_session_(origin_.scheme == http::Scheme::https && kind == SessionKind::any
                               ? streams_of_an_unknown_session
                               : 1),
      back_off_(limits.jitter_seed),
      retry_budget_(limits.retry_percent),
      next_upkeep_(loop.deadlines(), *this) {
    facts_.ping_interval = limits.ping_interval;
}

OriginPool::~OriginPool() { assert(is_empty() && "a pool outlives its sessions and waiters"); }

std::optional<Acquired> OriginPool::try_acquire(Repeatable repeatable) {
    if (closed_ || available_.empty() || !waiters_.empty() || !has_room()) return std::nullopt;
    Member* const member = pick(repeatable);
    if (member == nullptr) return std::nullopt;
    auto acquired = open_on(*member);
    ++counters_.warm;
    counters_.saved += facts_.dial_time;
    note_demand();
    return acquired;
}

Task<Result<Acquired>> OriginPool::acquire(Waiter& waiter, Deadline deadline) {
    if (closed_) co_return closed_failure;
    if (auto acquired = try_acquire(waiter.repeatable_)) co_return std::move(*acquired);
    if (fails_fast()) {
        was_refused_ = true;
        look_after();
        co_return failing;
    }
    if (waiters_.size() >= limits_.max_waiters) co_return Failure{Errc::pool_full, Side::self};
    waiter.pool_ = this;
    waiter.place_ = waiters_.insert(waiters_.end(), &waiter);
    waiter.reason_ = reason_to_wait();
    waiter.watchdog_.arm(deadline);
    note_demand();
    start_dials();
    while (!waiter.outcome_) co_await waiter.served_.wait();
    waiter.watchdog_.disarm();
    co_return std::move(*waiter.outcome_);
}

// What the exchange that comes now may blame for having to wait.
DialReason OriginPool::reason_to_wait() const {
    const bool has_session = std::ranges::any_of(members_, [](const Member* member) {
        return !member->session->is_retired() && member->trust == Member::Trust::trusted;
    });
    return has_session ? DialReason::peak_exceeded : last_loss_;
}

// Over HTTP/1.1 the session that was used last, so that the others may be let go. Over HTTP/2 the
// one with the fewest streams, so that a burst is spread.
OriginPool::Member* OriginPool::pick(Repeatable repeatable) const {
    Member* best = nullptr;
    for (Member* const member : available_ | std::views::reverse) {
        if (member->early && repeatable == Repeatable::no) continue;
        if (!member->can_be_given_out()) continue;  // about to be taken off
        if (member->session->streams() == 0 && streams_per_session_ == 1) return member;
        if (best == nullptr || member->session->streams() < best->session->streams()) {
            best = member;
        }
    }
    return best;
}

void OriginPool::start_dials() {
    if (!may_dial_for_waiters()) return look_after();
    auto now = counts();
    // Who waits because too many exchanges are under way waits for one of them, not for a session.
    const auto room = limits_.max_exchanges - std::min(streams_, limits_.max_exchanges);
    now.waiters = std::min(now.waiters, room);
    for (const Member* member : members_) {
        if (member->trust != Member::Trust::trusted) {
            --now.sessions;  // nobody could be served beside it
        } else if (member->early && member->session->capacity() > 0) {
            --now.sessions;  // who has to wait until it is confirmed waits for no dial
            ++now.dials;
        }
    }
    auto wanted = dials_wanted(now, limits_.upkeep.max_sessions);
    if (back_off_.is_out(loop_.now()) || is_hindered_) wanted = std::min<std::size_t>(wanted, 1);
    start_dials(wanted, reason_to_wait());
}

void OriginPool::start_dials(std::size_t count, DialReason reason) {
    for (; count > 0; --count) start_dial(reason, std::nullopt);
}

void OriginPool::start_dial(DialReason reason, Promise promise) {
    if (dials_ == 0) dialling_since_ = loop_.now();
    ++dials_;
    if (reason == DialReason::at_start) ++starting_dials_;
    ++counters_.dials[static_cast<std::size_t>(reason)];
    loop_.spawn(dial_and_serve(reason, std::move(promise)));
}

// Only a request that waits, and may be repeated, has a use for early data.
net::DialMode OriginPool::dial_mode() const {
    if (kind_ == SessionKind::http_1_1) return net::DialMode::http_1_1;
    const bool early = limits_.early_data && members_.empty() && !waiters_.empty() &&
                       waiters_.front()->repeatable_ == Repeatable::yes;
    return early ? net::DialMode::early : net::DialMode::plain;
}

Task<void> OriginPool::dial_and_serve(DialReason reason, Promise promise) {
    const TimePoint began = loop_.now();
    auto dialled = co_await factory_.dial(origin_, dial_mode());
    promise.reset();
    --dials_;
    if (reason == DialReason::at_start) --starting_dials_;
    auto* const listener = limits_.listener;
    if (!dialled) {
        const Duration took = loop_.now() - began;
        const bool is_told = listener != nullptr && !closed_;  // else it is we who ended it
        if (is_told) listener->dial_failed(origin_, reason, dialled.error(), took);
        dial_failed(dialled.error(), began);
        co_return;
    }
    if (listener != nullptr) listener->dialled(origin_, reason, dialled->address, dialled->times);
    is_hindered_ = false;
    if (dialled->resumed) ++counters_.resumed_dials;
    co_await serve_session(std::move(*dialled));
}

Task<void> OriginPool::serve_session(origin::DialledSession dialled) {
    Member member{*this, std::move(dialled)};
    member.early = !member.session->is_confirmed();
    if (member.early) {
        member.session->call_when_heard();
    } else {
        facts_.note_dial(member.dialled);
    }
    members_.push_back(&member);
    facts_.protocol = member.session->protocol();
    streams_per_session_ = std::max<std::size_t>(member.session->max_streams(), 1);
    if (closed_) member.session->drain();
    update(member);
    start_dials();  // more than expected are needed if this turned out to be HTTP/1.1
    look_after();
    co_await member.session->run(member);

    take_off(member);
    judge_use(member);
    streams_ -= member.counted_streams;
    std::erase(members_, &member);
    // Beside early data nobody else has seen that the address did not answer.
    if (member.early) factory_.dialer().avoid(origin_, member.address);
    if (closed_) co_return;
    serve_waiters();  // its streams have made room
    start_dials();
    look_after();
}

Acquired OriginPool::open_on(Member& member) {
    Acquired acquired{.lease = member.session->open_stream(limits_.timeouts),
                      .reused = member.exchanges > 0,
                      .early = member.early,
                      .protocol = member.session->protocol(),
                      .address = member.session->peer_address(),
                      .dialled = {},
                      .cold = {}};
    ++member.exchanges;
    ++counters_.exchanges;
    last_used_ = loop_.now();
    retry_budget_.note_exchange(loop_.now());
    note_streams(member);
    member.note_request(loop_.now());
    if (member.session->capacity() == 0) take_off(member);
    if (member.exchanges == facts_.request_limit.at(loop_.now()) * 9 / 10) look_after();
    return acquired;
}

void OriginPool::take_off(Member& member) noexcept {
    if (!member.available) return;
    member.available = false;
    if (available_.back() == &member) {
        available_.pop_back();
    } else {
        std::erase(available_, &member);
    }
}

// Something may have to be done for it before the next time that is planned for.
void OriginPool::note_idle(const Member& member) {
    const bool first_time = member.exchanges == 1;  // its response may have told a limit
    const bool is_in_time = idle_horizon_ == Duration::max() ||
                            next_upkeep_.deadline().at() - loop_.now() <= idle_horizon_;
    if (first_time || !is_in_time || limits_.upkeep.max_idle) look_after();
}

// Puts a session where its capacity says it belongs, and gives out what became free.
void OriginPool::update(Member& member) noexcept {
    note_streams(member);
    judge_use(member);
    if (!member.can_be_given_out()) {
        take_off(member);
    } else if (!member.available) {
        member.available = true;
        available_.push_back(&member);
    }
    if (member.session->is_retired()) {
        if (!std::exchange(member.lost, true)) learn_from_loss(member);
        look_after();
    } else {
        streams_per_session_ = std::max<std::size_t>(member.session->max_streams(), 1);
        if (member.session->streams() == 0) note_idle(member);
    }
    serve_waiters();
    if (!waiters_.empty()) start_dials();
}

void OriginPool::serve_waiters() {
    // To all who waited for its dial a session is fresh, however many share it.
    const auto fresh = [](const Member& member) { return member.exchanges == 0; };
    std::vector<Member*> fresh_members;
    for (auto at = waiters_.begin(); at != waiters_.end() && !available_.empty() && has_room();) {
        Waiter& waiter = **at++;
        Member* const member = pick(waiter.repeatable_);
        if (member == nullptr) continue;
        if (fresh(*member)) fresh_members.push_back(member);
        auto acquired = open_on(*member);
        acquired.cold = waiter.reason_;
        ++counters_.waited[static_cast<std::size_t>(waiter.reason_)];
        if (std::ranges::find(fresh_members, member) != fresh_members.end()) {
            acquired.reused = false;
            acquired.dialled = member->dialled;
        }
        waiter.settle(std::move(acquired));
    }
}

void OriginPool::fail_waiters(const Failure& why) {
    while (!waiters_.empty()) waiters_.front()->settle(why);
}

void OriginPool::close() {
    closed_ = true;
    next_upkeep_.disarm();
    fail_waiters(closed_failure);
    for (Member* member : std::vector{members_}) member->session->drain();
}

void OriginPool::cut_off() {
    close();
    for (Member* member : std::vector{members_}) member->session->close(closed_failure);
}

bool OriginPool::is_empty() const { return members_.empty() && waiters_.empty() && dials_ == 0; }

PoolCounts OriginPool::counts() const {
    return {.sessions = members_.size(),
            .dials = dials_,
            .waiters = waiters_.size(),
            .streams_per_session = streams_per_session_};
}

// Keeps the sum up to date: after whatever may have changed the member's.
void OriginPool::note_streams(Member& member) noexcept {
    const auto before = std::exchange(member.counted_streams, member.session->streams());
    streams_ = streams_ + member.counted_streams - before;
}

// A peak that was not seen before may call for more sessions.
void OriginPool::note_demand() {
    // Over HTTP/1.1 nearly every session that cannot be given out is busy.
    auto now_running = waiters_.size() + members_.size() - available_.size();
    if (streams_per_session_ > 1 || now_running > planned_peak_) now_running = exchanges();
    facts_.peak.note(loop_.now(), now_running);
    if (now_running > planned_peak_) look_after();
}

}  // namespace nikawa::pool
