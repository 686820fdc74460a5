#pragma once

#include <cstddef>

#include "nikawa/base/allowance.hpp"

namespace nikawa::http {

/// How many frames a peer may send that bring no exchange forward: each frame costs one, and what
/// goes forward (a request to an origin, an answer to a client, body bytes in either direction)
/// earns some. Floods of PING,
/// SETTINGS, empty DATA, RST_STREAM and the like end when it is used up (RFC 9113 §10.5).
class FrameAllowance final : public Allowance {
public:
    /// What a connection begins with, and has at most: no honest peer comes near.
    static constexpr std::size_t most = 1000;

    /// What each of these earns. What we send of a body costs its receiver a WINDOW_UPDATE for the
    /// stream and one for the connection, and maybe a PING to measure the path, for each frame.
    static constexpr std::size_t of_request = 16;
    static constexpr std::size_t of_answer = 16;
    static constexpr std::size_t of_data_sent = 4;
    static constexpr std::size_t of_data_received = 2;

    /// The allowance that time gives, so that a connection may live as long as it likes.
    static constexpr Duration time_of_frame = std::chrono::milliseconds{20};

    explicit constexpr FrameAllowance(TimePoint now) : Allowance(most, time_of_frame, now) {}
};

}  // namespace nikawa::http
