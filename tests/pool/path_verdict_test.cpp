#include "nikawa/pool/path_verdict.hpp"

#include <gtest/gtest.h>

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;
using Kind = PathVerdict::Kind;

constexpr net::PathReport acknowledged{.is_waiting = false, .silence = 100ms};
constexpr net::PathReport unacknowledged{.is_waiting = true, .silence = 500ms};
constexpr net::PathReport silent{.is_waiting = false, .silence = 5s};

PathEvidence owed(Duration silence, const net::PathReport& transport) {
    return {.is_owed = true,
            .silence = silence,
            .patience = 500ms,
            .asked = {},
            .has_answered = false,
            .answers_ping = false,
            .transport = transport};
}

PathEvidence asked(Duration since, const net::PathReport& transport, bool over_h2) {
    auto evidence = owed(10s, transport);
    evidence.asked = since;
    evidence.answers_ping = over_h2;
    return evidence;
}

TEST(JudgePath, FollowsTheTable) {
    constexpr bool h1 = false;
    constexpr bool h2 = true;
    PathEvidence nothing_owed = owed(1h, unacknowledged);
    nothing_owed.is_owed = false;
    PathEvidence answered = owed(2s, silent);
    answered.has_answered = true;
    const struct {
        const char* what;
        PathEvidence evidence;
        PathVerdict expected;
    } rows[] = {
        {"nothing is owed", nothing_owed, {Kind::rest}},
        {"too early", owed(499ms, unacknowledged), {Kind::wait, 1ms}},
        {"nobody acknowledges", owed(500ms, unacknowledged), {Kind::doubt}},
        {"an upload is acknowledged slowly",
         owed(500ms, {.is_waiting = true, .silence = 249ms}),
         {Kind::ask, 1500ms}},
        {"a slow origin is asked", owed(500ms, acknowledged), {Kind::ask, 1500ms}},
        {"asked, over HTTP/1.1", asked(400ms, silent, h1), {Kind::wait, 1100ms}},
        {"TCP answers", asked(1500ms, acknowledged, h1), {Kind::alive, 15s}},
        {"TCP does not answer", asked(1500ms, silent, h1), {Kind::doubt}},
        {"asked, over HTTP/2", asked(400ms, silent, h2), {Kind::wait, 100ms}},
        {"the PING is not acknowledged", asked(400ms, unacknowledged, h2), {Kind::doubt}},
        {"the PING is acknowledged", asked(500ms, acknowledged, h2), {Kind::alive, 15s}},
        {"the PING is answered", answered, {Kind::alive, 15s}},
    };
    for (const auto& row : rows) {
        const auto verdict = judge_path(row.evidence);
        EXPECT_EQ(verdict.kind, row.expected.kind) << row.what;
        EXPECT_EQ(verdict.look_again / 1ms, row.expected.look_again / 1ms) << row.what;
    }
}

}  // namespace
}  // namespace nikawa::pool
