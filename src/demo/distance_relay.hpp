#pragma once

#include <cstdint>

#include "demo/loopback_socket.hpp"
#include "demo/stoppable_thread.hpp"

namespace nikawa::demo {

/// A TCP relay on loopback that emulates distance to what listens on another port of loopback.
///
/// It holds what is sent for half a round trip in each direction, and the client's first flight a
/// round trip longer: that one stands for the TCP handshake, which loopback did in no time. A
/// delay and not a bandwidth; order, half-closes and resets are carried.
class DistanceRelay {
public:
    /// Throws std::system_error.
    DistanceRelay(std::uint16_t origin_port, Duration rtt);

    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    void run(const StopSignal& stop) const;

    std::uint16_t origin_port_;
    Duration rtt_;
    net::UniqueFd listener_;
    std::uint16_t port_;
    StoppableThread thread_;  // last: it uses the others
};

}  // namespace nikawa::demo
