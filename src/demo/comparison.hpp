#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "demo/stoppable_thread.hpp"
#include "demo/timed_request.hpp"

namespace nikawa::demo {

/// What is compared: requests straight to the origin and the same through nikawa.
struct Comparison {
    std::string origin_name;
    SSL_CTX* tls = nullptr;  ///< trusts the origin
    std::uint16_t relay_port = 0;
    std::uint16_t daemon_port = 0;
    Duration rtt{};
    int requests = 5;  ///< each way, at least 2
};

/// Sends the requests, each on a new connection, and writes the table of where the time went, what
/// it means, and what to try next; or what went wrong. Writes no more once `stop` is raised.
void run_comparison(const Comparison& comparison, const StopSignal& stop, std::ostream& out);

/// The timing with the TCP handshake where it belongs. Loopback connects in no time and the relay
/// holds the first flight a round trip longer instead: that round trip was measured as part of the
/// TLS handshake, and it is the connect of a distant origin.
Timing as_over_distance(Timing measured, Duration rtt);

/// One row of the table, 75 columns wide: a label, milliseconds ("-" for what was not needed) and
/// round trips.
std::string table_row(const std::string& label, const Timing& timing, Duration rtt);

}  // namespace nikawa::demo
