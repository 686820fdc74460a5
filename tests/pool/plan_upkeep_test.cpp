#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "nikawa/pool/upkeep.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

using Sessions = std::vector<SessionView>;

constexpr SessionView idle{};
constexpr SessionView busy{.streams = 1};

Sessions several(std::size_t count, const SessionView& view) { return {count, view}; }

// A plan in words: "dial 1 for worn, drain 0 worn, probe 2".
std::string text_of(const UpkeepPlan& plan) {
    std::string text;
    const auto add = [&text](const std::string& words) {
        if (!text.empty()) text += ", ";
        text += words;
    };
    if (plan.dials > 0) {
        add("dial " + std::to_string(plan.dials));
        if (plan.reason) text += " for " + std::string{name_of(*plan.reason)};
    }
    for (const auto& [session, reason] : plan.drain) {
        add("drain " + std::to_string(session) + " " + std::string{name_of(reason)});
    }
    for (const auto session : plan.probe) add("probe " + std::to_string(session));
    return text;
}

struct Row {
    const char* what;
    Sessions sessions;
    UpkeepFacts facts;
    UpkeepLimits limits;
    const char* expected;
};

UpkeepPlan plan_of(const Row& row) {
    auto facts = row.facts;
    facts.sessions = row.sessions;
    if (facts.ping_interval == Duration::zero()) facts.ping_interval = 15s;
    return plan_upkeep(facts, row.limits);
}

template <std::size_t size>
void expect_plans(const Row (&rows)[size]) {
    for (const Row& row : rows) EXPECT_EQ(text_of(plan_of(row)), row.expected) << row.what;
}

constexpr UpkeepFacts cold{};
constexpr UpkeepFacts warm{.is_warm = true};

// An origin at 100 ms that ends a session idle for 5 s: of use for 3.85 s, replaced 0.7 s before.
constexpr UpkeepFacts limited{
    .is_warm = true, .round_trip = 100ms, .dial_time = 300ms, .idle_limit = 5s};

UpkeepFacts with_peak(std::size_t peak, std::size_t streams_per_session = 1) {
    return {.is_warm = true, .recent_peak = peak, .streams_per_session = streams_per_session};
}

TEST(SessionsWanted, FollowsTheTable) {
    const struct {
        std::size_t peak;
        std::size_t streams;
        Duration round_trip;
        std::size_t most;
        std::size_t expected;
    } rows[] = {
        {0, 1, 100ms, 128, 1},      {1, 1, 100ms, 128, 1},      {20, 1, 100ms, 128, 20},
        {20, 1, 0ms, 128, 20},      {300, 1, 100ms, 128, 128},  {0, 100, 100ms, 128, 1},
        {3, 100, 100ms, 128, 1},    {4, 100, 100ms, 128, 2},  // a lost segment holds up few
        {20, 100, 100ms, 128, 7},   {100, 100, 100ms, 128, 12}, {900, 100, 100ms, 128, 12},
        {901, 100, 100ms, 128, 13},                             // the stream limit is near
        {20, 100, 5ms, 128, 7},     {20, 100, 4999us, 128, 1},  // nearby
        {76, 100, 1ms, 128, 2},     {1000, 100, 0ms, 128, 14},  {1000, 100, 100ms, 3, 3},
        {3, 5, 0ms, 128, 1},        {4, 5, 0ms, 128, 2},
    };
    for (const auto& row : rows) {
        auto facts = with_peak(row.peak, row.streams);
        facts.round_trip = row.round_trip;
        EXPECT_EQ(sessions_wanted(facts, row.most), row.expected)
            << row.peak << " at once, " << row.streams << " on a session, at most " << row.most;
    }
}

TEST(PlanUpkeep, DialsAheadWhatTheRecentPeakNeeds) {
    const auto peak_of_5 = with_peak(5);
    auto impatient = limited;  // a session is of use for 1 s, and replaced half of that before
    impatient.recent_peak = 40;
    impatient.idle_limit = 2s;
    auto failing = peak_of_5;
    failing.is_failing = true;
    auto peak_of_20_h2 = with_peak(20, 100);
    peak_of_20_h2.round_trip = 100ms;
    auto dialling = warm;
    dialling.dials = 1;
    auto paused = warm;
    paused.may_dial = false;
    expect_plans({
        {"one is ready while the origin is in use", {}, warm, {}, "dial 1"},
        {"none when it is not", {}, cold, {}, ""},
        {"it is there", {idle}, warm, {}, ""},
        {"it is there, though busy", {busy}, warm, {}, ""},
        {"it is on its way", {}, dialling, {}, ""},
        {"a failed dial is waited off", {}, paused, {}, ""},
        {"as many as were used at once", {idle, busy}, peak_of_5, {}, "dial 3"},
        {"bounded", {idle}, peak_of_5, {.max_warm = 3}, "dial 2"},
        {"the operator keeps fewer", {idle}, peak_of_5, {.max_idle = 2}, "dial 1"},
        {"the operator keeps none", {}, peak_of_5, {.max_idle = 0}, ""},
        {"the operator allows fewer", {idle}, peak_of_5, {.max_sessions = 3}, "dial 2"},
        {"no more than ten a second are replaced", {}, impatient, {}, "dial 5"},
        {"is it back?", {}, failing, {}, "dial 1"},
        {"HTTP/2 sessions share a burst", {busy}, peak_of_20_h2, {}, "dial 6"},
        {"a second one before streams run out", {busy}, with_peak(4, 5), {}, "dial 1"},
    });
}

TEST(PlanUpkeep, ReplacesASessionBeforeTheOriginEndsItForBeingIdle) {
    auto used_no_more = limited;
    used_no_more.is_warm = false;
    auto far = limited;  // a dial takes as long as a session may be idle
    far.round_trip = 200ms;
    far.dial_time = 600ms;
    far.idle_limit = 2s;
    auto too_short = limited;
    too_short.idle_limit = 700ms;
    const Sessions old{{.idle = 3150ms}};
    const Sessions over{{.idle = 3850ms}};
    expect_plans({
        {"early enough", {{.idle = 3149ms}}, limited, {}, ""},
        {"its replacement comes first", old, limited, {}, "dial 1 for idle_limit"},
        {"and makes it superfluous", {old[0], idle}, limited, {}, "drain 0 idle_limit"},
        {"until then it serves", {{.idle = 3849ms}}, limited, {}, "dial 1 for idle_limit"},
        {"but no longer than is safe",
         over,
         limited,
         {},
         "dial 1 for idle_limit, drain 0 idle_limit"},
        {"a busy one is not idle", {{.streams = 1, .idle = 9s}}, limited, {}, ""},
        {"not in use: no replacement", old, used_no_more, {}, ""},
        {"not in use: it goes", over, used_no_more, {}, "drain 0 idle_limit"},
        {"a fresh one is never outgoing", {idle}, far, {}, ""},
        {"its half-time is", {{.idle = 500ms}}, far, {}, "dial 1 for idle_limit"},
        {"a limit too short to be warm", {}, too_short, {}, ""},
        {"is kept all the same", {{.idle = 350ms}}, too_short, {}, "drain 0 idle_limit"},
    });
}

TEST(PlanUpkeep, ReplacesASessionThatIsWornOrHasLeft) {
    auto few_requests = warm;
    few_requests.request_limit = 100;
    const SessionView left{.has_left = true};
    const SessionView busy_left{.streams = 1, .has_left = true};
    auto paused = warm;
    paused.may_dial = false;
    expect_plans({
        {"not yet", {{.exchanges = 899}}, warm, {}, ""},
        {"by requests", {{.exchanges = 900}}, warm, {}, "dial 1 for worn"},
        {"the busy, too", {{.streams = 1, .exchanges = 950}}, warm, {}, "dial 1 for worn"},
        {"there is another", {{.exchanges = 950}, idle}, warm, {}, "drain 0 worn"},
        {"by requests of this origin", {{.exchanges = 90}}, few_requests, {}, "dial 1 for worn"},
        {"by age", {{.age = 55min}}, warm, {}, "dial 1 for worn"},
        {"not yet of age", {{.age = 54min}}, warm, {}, ""},
        {"no hurry when it is not in use", {{.exchanges = 950, .age = 2h}}, cold, {}, ""},
        {"its address has left DNS", {left}, warm, {}, "dial 1 for address_left"},
        {"and another is there", {left, idle}, warm, {}, "drain 0 address_left"},
        {"and exchanges run on it", {busy_left, idle}, warm, {}, "drain 0 address_left"},
        {"it serves as long as none can be had", {left}, paused, {}, ""},
        {"nobody needs it", {left}, cold, {}, "drain 0 address_left"},
        {"but who is on it", {busy_left}, cold, {}, ""},
        {"with no room the old one goes first",
         {left},
         warm,
         {.max_sessions = 1},
         "drain 0 address_left"},
        {"but not while a failed dial is waited off", {left}, paused, {.max_sessions = 1}, ""},
    });
}

TEST(PlanUpkeep, ReplacesASessionInDoubt) {
    const SessionView doubtful{.silence = 1h, .doubtful = 2s};
    const SessionView hopeless{.silence = 1h, .doubtful = 10s};
    const SessionView held{.streams = 1, .silence = 60s, .doubtful = 60s};
    expect_plans({
        {"at once", {doubtful}, warm, {}, "dial 1 for path_silent"},
        {"it takes no room", {doubtful}, warm, {.max_sessions = 1}, "dial 1 for path_silent"},
        {"it has its time", {doubtful, idle}, warm, {}, ""},
        {"and then goes", {hopeless, idle}, warm, {}, "drain 0 path_silent"},
        {"whose exchanges wait is left to them", {held, idle}, warm, {}, ""},
        {"not in use", {hopeless}, cold, {}, "drain 0 path_silent"},
    });
}

TEST(PlanUpkeep, LetsGoWhatIsOfNoMoreUse) {
    const UpkeepLimits hour{.idle_timeout = 1h};
    const Sessions aged{{.idle = 3s}, {.idle = 1s}, {.idle = 2s}};
    Sessions mixed = several(12, busy);
    mixed.insert(mixed.end(), 3, idle);
    auto peak_12 = cold;
    peak_12.recent_peak = 12;
    auto peak_300 = warm;
    peak_300.recent_peak = 300;
    expect_plans({
        {"the peak needs them all", several(12, idle), peak_12, {}, ""},
        {"those idle for longest go", aged, cold, {}, "drain 0 let_go, drain 2 let_go"},
        {"one is kept when there is no demand", {idle}, cold, {}, ""},
        {"busy ones serve the peak, too",
         mixed,
         peak_12,
         {},
         "drain 12 let_go, drain 13 let_go, drain 14 let_go"},
        {"the operator's limit", aged, peak_12, {.max_idle = 2}, "drain 0 let_go"},
        {"which the busy are not part of", {busy, idle}, cold, {.max_idle = 1}, ""},
        {"the operator keeps more", aged, cold, {.max_idle = 3}, ""},
        {"the operator wants none", {idle}, warm, {.max_idle = 0}, "drain 0 let_go"},
        {"what demand has opened is not bounded", several(300, idle), peak_300, {}, ""},
        {"outlived its time", {{.idle = 1h}}, cold, hour, "drain 0 let_go"},
        {"nearly", {{.idle = 3599s}}, cold, hour, ""},
        {"no time limit", {{.idle = 360h}}, cold, {}, ""},
        {"in use: replaced first", {{.idle = 3600s - 100ms}}, warm, hour, "dial 1 for let_go"},
        {"HTTP/2 for a small peak",
         {{.idle = 1s, .answers_ping = true}, {.answers_ping = true}},
         with_peak(5, 100),
         {},
         "drain 0 let_go"},
    });
}

TEST(PlanUpkeep, AsksSilentSessionsForASignOfLife) {
    const SessionView silent{.silence = 15s, .answers_ping = true};
    const SessionView heard{.silence = 15s - 1ms, .answers_ping = true};
    auto calm = warm;
    calm.ping_interval = 30s;
    expect_plans({
        {"over HTTP/2", {silent}, warm, {}, "probe 0"},
        {"not yet", {heard}, warm, {}, ""},
        {"not in use, too", {silent}, cold, {}, "probe 0"},
        {"the origin wants fewer", {silent}, calm, {}, ""},
        {"no question over HTTP/1.1", {{.silence = 1h}}, warm, {}, ""},
        {"one with streams is watched otherwise",
         {{.streams = 1, .silence = 1h, .answers_ping = true}},
         warm,
         {},
         ""},
    });
}

TEST(PlanUpkeep, KnowsWhenThereIsSomethingToDo) {
    constexpr auto never = Duration::max();
    const UpkeepLimits minute{.idle_timeout = 1min};
    const SessionView h2{.silence = 4s, .answers_ping = true};
    const struct {
        const char* what;
        Sessions sessions;
        UpkeepFacts facts;
        UpkeepLimits limits;
        Duration next;
        Duration idle_horizon;
    } rows[] = {
        {"nothing there", {}, cold, {}, never, never},
        {"nothing to fear", {idle}, cold, {}, never, never},
        {"age", {{.age = 5min}}, warm, {}, 50min - 100ms, 55min - 100ms},
        {"idle limit", {{.idle = 1s}}, limited, {}, 2150ms, 3150ms},
        {"the last moment of one outgoing", {{.idle = 3600ms}}, limited, {}, 250ms, 1ms},
        {"idle timeout", {{.idle = 20s}}, cold, minute, 40s, 1min - 100ms},
        {"a surplus may arise", {idle, busy}, cold, {}, 20s, never},
        {"PING", {h2}, cold, {}, 11s, 15s},
        {"PING asked", {{.silence = 15s, .answers_ping = true}}, cold, {}, 15s, 15s},
        {"doubt", {{.silence = 5s, .doubtful = 4s}}, cold, {}, 6s, never},
    };
    for (const auto& row : rows) {
        const auto plan = plan_of({row.what, row.sessions, row.facts, row.limits, ""});
        EXPECT_EQ(plan.next / 1ms, row.next / 1ms) << row.what;
        EXPECT_EQ(plan.idle_horizon / 1ms, row.idle_horizon / 1ms) << row.what;
    }
}

}  // namespace
}  // namespace nikawa::pool
