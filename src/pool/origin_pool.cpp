#include "nikawa/pool/origin_pool.hpp"

#include <algorithm>
#include <cassert>

namespace nikawa::pool {
namespace {

// As long as an origin's protocol is unknown it is taken to speak HTTP/2, so that a first burst
// shares one dial; over HTTP/1.1 the others are dialled for when that is known.
constexpr std::size_t streams_of_an_unknown_session = 100;

constexpr Failure closed_failure{Errc::pool_closed, Side::self};

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

OriginPool::Member::Member(OriginPool& owner, origin::DialledSession made)
    : pool(owner), session(std::move(made.session)), dialled(made.times) {}

OriginPool::OriginPool(loop::Loop& loop,
                       http::Origin origin,
                       origin::SessionFactory& factory,
                       const PoolLimits& limits)
    : loop_(loop),
      origin_(std::move(origin)),
      factory_(factory),
      limits_(limits),
      streams_per_session_(origin_.scheme == http::Scheme::https ? streams_of_an_unknown_session
                                                                 : 1) {}

OriginPool::~OriginPool() { assert(is_empty() && "a pool outlives its sessions and waiters"); }

std::optional<Acquired> OriginPool::try_acquire() {
    if (closed_ || available_.empty() || !waiters_.empty()) return std::nullopt;
    Member& member = *available_.back();
    auto acquired = open_on(member);
    member.used = true;
    note_demand();
    return acquired;
}

Task<Result<Acquired>> OriginPool::acquire(Waiter& waiter, Deadline deadline) {
    if (closed_) co_return closed_failure;
    if (auto acquired = try_acquire()) co_return std::move(*acquired);
    if (waiters_.size() >= limits_.max_waiters) co_return Failure{Errc::pool_full, Side::self};
    waiter.pool_ = this;
    waiter.place_ = waiters_.insert(waiters_.end(), &waiter);
    waiter.watchdog_.arm(deadline);
    note_demand();
    start_dials();
    while (!waiter.outcome_) co_await waiter.served_.wait();
    waiter.watchdog_.disarm();
    co_return std::move(*waiter.outcome_);
}

void OriginPool::start_dials() {
    for (auto wanted = dials_wanted(counts(), limits_.max_sessions); wanted > 0; --wanted) {
        ++dials_;
        loop_.spawn(dial_and_serve());
    }
}

Task<void> OriginPool::dial_and_serve() {
    auto dialled = co_await factory_.dial(origin_);
    --dials_;
    if (!dialled) {
        // Who waits has nothing coming but what another dial or a busy session may give.
        const bool all_retired = std::ranges::all_of(
            members_, [](const Member* member) { return member->session->is_retired(); });
        if (dials_ == 0 && all_retired) fail_waiters(dialled.error());
        co_return;
    }
    Member member{*this, std::move(*dialled)};
    members_.push_back(&member);
    streams_per_session_ = std::max<std::size_t>(member.session->max_streams(), 1);
    if (closed_) member.session->drain();
    update(member);
    start_dials();  // more than expected are needed if this turned out to be HTTP/1.1
    co_await member.session->run(member);

    take_off(member);
    std::erase(members_, &member);
    if (!closed_) start_dials();
}

Acquired OriginPool::open_on(Member& member) {
    Acquired acquired{.lease = member.session->open_stream(limits_.timeouts),
                      .reused = member.used,
                      .protocol = member.session->protocol(),
                      .address = member.session->peer_address(),
                      .dialled = {}};
    if (member.session->capacity() == 0) take_off(member);
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

// Puts a session where its capacity says it belongs, and gives out what became free.
void OriginPool::update(Member& member) noexcept {
    if (member.session->capacity() == 0) {
        take_off(member);
    } else if (!member.available) {
        member.available = true;
        available_.push_back(&member);
    }
    if (!member.session->is_retired()) {
        streams_per_session_ = std::max<std::size_t>(member.session->max_streams(), 1);
    }
    serve_waiters();
    // To all who waited for its dial it is fresh, however many share it.
    if (member.session->streams() > 0) member.used = true;
    if (!waiters_.empty()) start_dials();
}

void OriginPool::serve_waiters() {
    while (!waiters_.empty() && !available_.empty()) {
        Member& member = *available_.back();
        auto acquired = open_on(member);
        if (!member.used) acquired.dialled = member.dialled;
        waiters_.front()->settle(std::move(acquired));
    }
}

void OriginPool::fail_waiters(const Failure& why) {
    while (!waiters_.empty()) waiters_.front()->settle(why);
}

void OriginPool::upkeep() {
    note_demand();  // exchanges that began long ago are demand too
    std::vector<Member*> idle;
    for (Member* member : available_) {
        if (member->session->streams() == 0) idle.push_back(member);
    }
    if (idle.empty()) return;
    std::sort(idle.begin(), idle.end(), [](const Member* a, const Member* b) {
        return a->session->idle_since() < b->session->idle_since();
    });
    const IdleFacts facts{
        .idle = idle.size(),
        .busy = members_.size() - idle.size(),
        .recent_peak = (peak_.at(loop_.now()) + streams_per_session_ - 1) / streams_per_session_,
        .longest_idle = loop_.now() - idle.front()->session->idle_since()};
    const auto retire = sessions_to_retire(facts, limits_.idle);
    for (std::size_t i = 0; i < retire; ++i) {
        idle[i]->session->drain();
        update(*idle[i]);
    }
}

void OriginPool::close() {
    closed_ = true;
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

std::size_t OriginPool::exchanges() const {
    if (streams_per_session_ == 1) return members_.size() - available_.size() + waiters_.size();
    std::size_t streams = waiters_.size();
    for (const Member* member : members_) streams += member->session->streams();
    return streams;
}

void OriginPool::note_demand() { peak_.note(loop_.now(), exchanges()); }

}  // namespace nikawa::pool
