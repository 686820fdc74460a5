#include "nikawa/pool/upkeep.hpp"

#include <algorithm>
#include <limits>

#include "nikawa/pool/idle_limit.hpp"

namespace nikawa::pool {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A lost segment holds up all that follow it on its session for a round trip: with so many
// exchanges at once on a session, one in a hundred lost disturbs less than a tenth of them.
constexpr std::size_t exchanges_of_session = 3;

// So many carry a burst of a hundred in one flight: the first one of a session is ten segments
// (RFC 6928), and nginx, as others do, writes each response as one.
constexpr std::size_t most_to_spread = 12;

// From where on a round trip is worth the sessions that it takes to save one.
constexpr Duration far_away = milliseconds{5};

// nginx ends a session an hour old (keepalive_time).
constexpr Duration worn_age = minutes{55};

// A doubtful session that has not proved itself by now will not.
constexpr Duration longest_doubt = seconds{10};

// An origin that ends an idle session sooner does not want to be kept warm: sessions would be
// replaced all the time.
constexpr Duration shortest_worth_keeping = milliseconds{900};

// Of idle sessions that their origin would end.
constexpr int replacements_a_second = 10;

// How soon a surplus of sessions is noticed.
constexpr Duration peak_interval = seconds{20};

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

// How long a session may still serve, and why no longer.
struct Life {
    Duration left = Duration::max();  // until it must not be given out: it may be negative
    DialReason reason = DialReason::idle_limit;

    void end_in(Duration until, DialReason why) {
        if (until < left) *this = {until, why};
    }
};

// Decides about the sessions of one pool.
class Planner {
public:
    Planner(const UpkeepFacts& facts, const UpkeepLimits& limits)
        : facts_(facts), limits_(limits), wanted_(wanted()) {}

    UpkeepPlan plan() {
        sort_out();
        want_dials();
        drain_outgoing();
        drain_surplus();
        // A surplus comes from the peak being forgotten, which nobody tells.
        if (good_.size() > 1) look_again_in(peak_interval);
        plan_.idle_horizon = idle_horizon();
        return std::move(plan_);
    }

private:
    struct Outgoing {
        std::size_t session;
        Life life;
    };

    std::size_t wanted() const {
        if (!facts_.is_warm || usable_idle() < shortest_worth_keeping) return 0;
        const auto wanted = sessions_wanted(facts_, limits_.max_warm);
        return std::min({wanted, limits_.max_idle.value_or(wanted), most_to_replace()});
    }

    // For how long an idle session can be used before the origin may end it.
    Duration usable_idle() const {
        return facts_.idle_limit ? usable_idle_time(*facts_.idle_limit, facts_.round_trip)
                                 : Duration::max();
    }

    // So many idle sessions are replaced without dialling more often than is good for the origin.
    std::size_t most_to_replace() const {
        if (!facts_.idle_limit) return no_limit;
        const auto replaced_after = usable_idle() - lead();
        const auto most = replaced_after * replacements_a_second / Duration{seconds{1}};
        return std::max<std::size_t>(1, static_cast<std::size_t>(most));
    }

    // A replacement should be there before it is needed: a dial takes so long, if all goes well.
    // But a session that was just dialled is never one to be replaced.
    Duration lead() const {
        return std::min(facts_.dial_time * 2 + milliseconds{100}, usable_idle() / 2);
    }

    void look_again_in(Duration time) {
        plan_.next = std::min(plan_.next, std::max<Duration>(time, milliseconds{1}));
    }

    Life life_of(const SessionView& session) const {
        Life life;
        if (session.has_left) life.end_in({}, DialReason::address_left);
        if (facts_.is_warm) {
            life.end_in(worn_age - session.age, DialReason::worn);
            if (session.exchanges >= facts_.request_limit * 9 / 10) {
                life.end_in({}, DialReason::worn);
            }
        }
        if (session.streams > 0) return life;
        if (facts_.idle_limit) life.end_in(usable_idle() - session.idle, DialReason::idle_limit);
        if (limits_.idle_timeout > Duration::zero()) {
            life.end_in(limits_.idle_timeout - session.idle, DialReason::let_go);
        }
        return life;
    }

    Duration idle_horizon() const {
        if (!outgoing_.empty()) return milliseconds{1};  // one that becomes idle may have to go
        const SessionView fresh{};
        Duration horizon = life_of(fresh).left;
        if (horizon != Duration::max()) horizon -= lead();
        const bool pings = std::any_of(facts_.sessions.begin(),
                                       facts_.sessions.end(),
                                       [](const SessionView& one) { return one.answers_ping; });
        if (pings) horizon = std::min(horizon, facts_.ping_interval);
        return std::max<Duration>(horizon, milliseconds{1});
    }

    void sort_out() {
        for (std::size_t i = 0; i < facts_.sessions.size(); ++i) {
            const SessionView& session = facts_.sessions[i];
            if (session.doubtful) {
                give_up_after(i, longest_doubt - *session.doubtful);
                continue;
            }
            const Life life = life_of(session);
            const Duration early = facts_.is_warm ? lead() : Duration::zero();
            if (life.left <= early) {
                outgoing_.push_back({i, life});
                if (life.left > Duration::zero()) look_again_in(life.left);
            } else {
                good_.push_back(i);
                if (life.left != Duration::max()) look_again_in(life.left - early);
            }
            probe_when_silent(i);
        }
    }

    void give_up_after(std::size_t i, Duration left) {
        if (facts_.sessions[i].streams > 0) return;  // TCP_USER_TIMEOUT is the backstop
        if (left <= Duration::zero()) {
            plan_.drain.push_back({i, DialReason::path_silent});
        } else {
            look_again_in(left);
        }
    }

    void probe_when_silent(std::size_t i) {
        const SessionView& session = facts_.sessions[i];
        if (!session.answers_ping || session.streams > 0) return;
        if (session.silence >= facts_.ping_interval) {
            plan_.probe.push_back(i);
            look_again_in(facts_.ping_interval);
        } else {
            look_again_in(facts_.ping_interval - session.silence);
        }
    }

    // A session that is in doubt takes no room: nobody could be served beside it.
    std::size_t room() const {
        if (limits_.max_sessions == 0) return no_limit;
        const auto open = good_.size() + outgoing_.size() + facts_.leaving + facts_.dials;
        return limits_.max_sessions > open ? limits_.max_sessions - open : 0;
    }

    void want_dials() {
        const auto coming = good_.size() + facts_.dials;
        if (wanted_ <= coming) return;
        // Whether an origin that was down is back, one dial finds out.
        const auto missing =
            facts_.is_failing ? 1 - std::min<std::size_t>(facts_.dials, 1) : wanted_ - coming;
        plan_.dials = facts_.may_dial ? std::min(missing, room()) : 0;
        if (!outgoing_.empty()) {
            plan_.reason = outgoing_.front().life.reason;
        } else if (good_.size() + outgoing_.size() < facts_.sessions.size()) {
            plan_.reason = DialReason::path_silent;
        }
        // With no room beside it, the old one goes first.
        if (facts_.may_dial && room() == 0) make_room(missing);
    }

    void make_room(std::size_t missing) {
        while (missing > 0 && !outgoing_.empty()) {
            drain(outgoing_.back());
            outgoing_.pop_back();
            --missing;
        }
    }

    void drain(const Outgoing& outgoing) {
        plan_.drain.push_back({outgoing.session, outgoing.life.reason});
    }

    // Whoever is to go waits for its replacement, unless its time is up. Nobody can tell how long a
    // worn session, or one whose address has left, is still of use: it waits, if one is to come.
    void drain_outgoing() {
        const bool is_replaced = good_.size() >= std::max<std::size_t>(wanted_, 1);
        for (const Outgoing& outgoing : outgoing_) {
            const bool can_wait = outgoing.life.reason == DialReason::worn ||
                                  outgoing.life.reason == DialReason::address_left;
            const bool is_due = outgoing.life.left <= Duration::zero() && !can_wait;
            const bool is_idle = facts_.sessions[outgoing.session].streams == 0;
            if (is_replaced || is_due || (is_idle && !facts_.is_warm)) drain(outgoing);
        }
    }

    // Idle sessions beyond what the recent peak would use go, those idle for longest first. One is
    // always worth keeping.
    void drain_surplus() {
        std::vector<std::size_t> idle;
        for (const auto i : good_) {
            if (facts_.sessions[i].streams == 0) idle.push_back(i);
        }
        const auto busy = good_.size() - idle.size();
        // Not bounded by what is dialled ahead: what demand has opened, it may need again.
        const auto useful = sessions_wanted(facts_, no_limit);
        const auto keep = limits_.max_idle.value_or(useful > busy ? useful - busy : 0);
        if (idle.size() <= keep) return;
        std::sort(idle.begin(), idle.end(), [this](std::size_t a, std::size_t b) {
            return facts_.sessions[a].idle > facts_.sessions[b].idle;
        });
        idle.resize(idle.size() - keep);
        for (const auto i : idle) plan_.drain.push_back({i, DialReason::let_go});
    }

    const UpkeepFacts& facts_;
    const UpkeepLimits& limits_;
    const std::size_t wanted_;
    UpkeepPlan plan_;
    std::vector<std::size_t> good_;
    std::vector<Outgoing> outgoing_;
};

constexpr std::size_t divided_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

}  // namespace

std::size_t sessions_wanted(const UpkeepFacts& facts, std::size_t most) {
    const auto peak = std::max<std::size_t>(facts.recent_peak, 1);
    if (facts.streams_per_session <= 1) return std::min(peak, most);
    const auto for_streams = divided_up(peak * 4, facts.streams_per_session * 3);
    const auto spread = facts.round_trip < far_away
                            ? std::size_t{1}
                            : std::min(divided_up(peak, exchanges_of_session), most_to_spread);
    return std::min(std::max(spread, for_streams), most);
}

UpkeepPlan plan_upkeep(const UpkeepFacts& facts, const UpkeepLimits& limits) {
    return Planner{facts, limits}.plan();
}

}  // namespace nikawa::pool
