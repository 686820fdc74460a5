#pragma once

#include <poll.h>

#include <cstdint>
#include <span>

#include "nikawa/base/time.hpp"
#include "nikawa/net/unique_fd.hpp"

namespace nikawa::demo {

// The sockets of the demonstration: TCP on 127.0.0.1, non-blocking, without Nagle's delay.

/// A listener on a port that the system chooses. Throws std::runtime_error.
net::UniqueFd listen_on_loopback();

/// The port that a listener has.
std::uint16_t port_of(const net::UniqueFd& listener);

/// The next connection that waits; empty when none does.
net::UniqueFd accept_from(const net::UniqueFd& listener);

/// Starts to connect; empty on failure. Writable once connected, or once SO_ERROR says why not.
net::UniqueFd begin_connect(std::uint16_t port);

/// Waits until one of `polled` is ready or `until` has come, to the microsecond.
void wait_for(std::span<pollfd> polled, TimePoint until);

}  // namespace nikawa::demo
