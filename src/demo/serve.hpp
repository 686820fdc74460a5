#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <list>
#include <span>
#include <vector>

#include "demo/loopback_socket.hpp"
#include "demo/stoppable_thread.hpp"

namespace nikawa::demo {

/// Serves the connections to `listener` on the calling thread until `stop`.
///
/// A `Connection` says what it waits for by `polled()` (a std::array<pollfd, N>) and `next_due()`,
/// comes as far as it can without waiting by `advance(std::span<const pollfd>)`, and goes once
/// `is_over()`. `open(std::list<Connection>&, net::UniqueFd client)` adds one for a new client.
template <class Connection, class Open>
void serve(const net::UniqueFd& listener, const StopSignal& stop, Open open) {
    constexpr std::size_t max_connections = 200;
    std::list<Connection> connections;
    std::vector<pollfd> polled;
    for (;;) {
        const bool has_room = connections.size() < max_connections;
        polled = {stop.polled(), {has_room ? listener.get() : -1, POLLIN, 0}};
        auto next_due = TimePoint::max();
        for (const Connection& connection : connections) {
            const auto own = connection.polled();
            polled.insert(polled.end(), own.begin(), own.end());
            next_due = std::min(next_due, connection.next_due());
        }
        wait_for(polled, next_due);
        if (polled[0].revents != 0) return;

        auto rest = std::span<const pollfd>{polled}.subspan(2);
        for (Connection& connection : connections) {
            const std::size_t own = connection.polled().size();
            connection.advance(rest.first(own));
            rest = rest.subspan(own);
        }
        connections.remove_if([](const Connection& connection) { return connection.is_over(); });
        if (polled[1].revents == 0) continue;
        if (net::UniqueFd client = accept_from(listener)) {
            open(connections, std::move(client));
        } else {  // out of descriptors, most likely: a breath rather than a spin
            std::array only_stop{stop.polled()};
            wait_for(only_stop, std::chrono::steady_clock::now() + std::chrono::milliseconds{5});
        }
    }
}

}  // namespace nikawa::demo
