#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "nikawa/net/byte_stream.hpp"

namespace nikawa::pool {

/// What speaks for and against the path that a session runs on.
struct PathEvidence {
    bool is_owed = false;           ///< a stream is open, or a sign of life was asked for
    Duration silence{};             ///< since the origin last sent, or since it was to answer
    Duration patience{};            ///< after which silence is worth a question
    std::optional<Duration> asked;  ///< since a sign of life was asked for
    bool has_answered = false;      ///< it came, and nothing more is owed since
    bool answers_ping = false;      ///< over HTTP/2; over HTTP/1.1 TCP asks
    net::PathReport transport;      ///< only looked at when the patience is over
};

/// What to think of it, and when to look again.
struct PathVerdict {
    enum class Kind : std::uint8_t {
        rest,   ///< nothing is owed
        wait,   ///< too early to say
        ask,    ///< for a sign of life
        alive,  ///< the origin is slow, the path is not dead
        doubt,  ///< nothing comes back, not even from TCP
    };
    Kind kind;
    Duration look_again{};  ///< in so long, but after `rest` and `doubt`

    friend bool operator==(const PathVerdict&, const PathVerdict&) = default;
};

/// Tells a dead path from a slow origin. What we sent and nobody acknowledges for the time of three
/// round trips is a dead path; what was acknowledged is not, but its answer may be lost on one: so
/// a sign of life is asked for, which has to be acknowledged in turn.
constexpr PathVerdict judge_path(const PathEvidence& evidence) {
    using Kind = PathVerdict::Kind;
    constexpr Duration first_tcp_probe = std::chrono::seconds{1};
    constexpr Duration between_questions = std::chrono::seconds{15};
    if (!evidence.is_owed) return {Kind::rest};
    if (evidence.has_answered) return {Kind::alive, between_questions};
    if (evidence.silence < evidence.patience) {
        return {Kind::wait, evidence.patience - evidence.silence};
    }
    // An acknowledgement of something older does not count for what is owed now, nor does one that
    // came a moment ago speak against a path that carries an upload.
    const auto& transport = evidence.transport;
    if (transport.is_waiting && transport.silence * 2 >= evidence.patience) return {Kind::doubt};
    const Duration answer_time =
        evidence.patience + (evidence.answers_ping ? Duration::zero() : first_tcp_probe);
    if (!evidence.asked) return {Kind::ask, answer_time};
    if (*evidence.asked < answer_time) return {Kind::wait, answer_time - *evidence.asked};
    if (!evidence.answers_ping && transport.silence >= answer_time) return {Kind::doubt};
    return {Kind::alive, between_questions};
}

}  // namespace nikawa::pool
