#pragma once

#include <array>
#include <cstddef>

#include "nikawa/base/time.hpp"

namespace nikawa::pool {

/// The highest number of exchanges that were under way at once during the last minutes: what the
/// next burst may need. Kept as one maximum for each of five spans of a minute, so a peak is
/// forgotten four to five minutes after it passed.
class RecentPeak {
public:
    static constexpr Duration span = std::chrono::minutes{1};
    static constexpr std::size_t spans = 5;

    /// `count` are under way at `now`. Time never goes backwards.
    void note(TimePoint now, std::size_t count);

    /// The peak as of `now`.
    [[nodiscard]] std::size_t at(TimePoint now) const;

private:
    using Index = Duration::rep;
    static Index index_of(TimePoint now) { return now.time_since_epoch() / span; }

    std::array<std::size_t, spans> highest_{};
    Index newest_ = 0;  // the span that was last written
};

}  // namespace nikawa::pool
