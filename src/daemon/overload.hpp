#pragma once

#include <cstddef>
#include <mutex>

#include "daemon/connection_limits.hpp"
#include "daemon/episode.hpp"

namespace nikawa::daemon {

/// Tells the diagnostic log that the daemon has more to do than it may, once when it begins and
/// once when it is over. From any thread.
class Overload {
public:
    /// `descriptors` is how many may be open.
    Overload(const ConnectionLimits& limits, std::size_t descriptors)
        : limits_(limits), descriptors_(descriptors) {}

    /// A connection of this client is refused for want of a place.
    void refused(const net::IpAddress& client, TimePoint now);

    /// There is no descriptor for a connection that came, or for one to an origin.
    void out_of_descriptors(TimePoint now);

    /// To be called every now and then.
    void look(TimePoint now);

private:
    const ConnectionLimits& limits_;
    const std::size_t descriptors_;
    std::mutex mutex_;
    Episode refusals_;
    Episode shortages_;
};

}  // namespace nikawa::daemon
