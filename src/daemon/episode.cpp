#include "daemon/episode.hpp"

#include <utility>

namespace nikawa::daemon {

bool Episode::note(TimePoint now) {
    const bool begins = !began_;
    if (begins) {
        began_ = now;
        times_before_ = times_;
    }
    ++times_;
    last_ = now;
    return begins;
}

std::optional<Episode::Ended> Episode::end(TimePoint now) {
    if (!began_ || now - last_ < calm) return std::nullopt;
    return Ended{times_ - times_before_, last_ - *std::exchange(began_, std::nullopt)};
}

}  // namespace nikawa::daemon
