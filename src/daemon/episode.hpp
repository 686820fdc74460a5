#pragma once

#include <cstdint>
#include <optional>

#include "nikawa/base/time.hpp"

namespace nikawa::daemon {

/// Trouble that comes in floods and is worth two lines of the log: when it begins, and when it is
/// over. It knows no clock.
class Episode {
public:
    /// So long without trouble, it is over.
    static constexpr Duration calm = std::chrono::seconds{5};

    struct Ended {
        std::uint64_t times;  ///< that it happened
        Duration lasted;
    };

    /// It happens. Whether this begins an episode.
    bool note(TimePoint now);

    /// Looks whether it is over, which is told once.
    std::optional<Ended> end(TimePoint now);

    /// How often it has happened, in all episodes.
    [[nodiscard]] std::uint64_t times() const { return times_; }

private:
    std::uint64_t times_ = 0;
    std::uint64_t times_before_ = 0;  // this episode
    std::optional<TimePoint> began_;
    TimePoint last_{};
};

}  // namespace nikawa::daemon
