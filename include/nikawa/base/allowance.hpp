#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "nikawa/base/time.hpp"

namespace nikawa {

/// Bounds by rate what a peer may do as long as it likes, but not in floods: so much at once, and
/// more as time gives it, or as it is earned.
class Allowance {
public:
    /// Begins with `most`, which it never has more than; one more is given in each `time_of_one`.
    constexpr Allowance(std::size_t most, Duration time_of_one, TimePoint now)
        : most_(most), left_(most), time_of_one_(time_of_one), since_(now) {}

    constexpr void earn(std::size_t more) { left_ = std::min(left_ + more, most_); }

    /// One of it is used. Whether there was one.
    constexpr bool spend(TimePoint now) {
        if (left_ == 0) {
            const auto given = (now - since_) / time_of_one_;
            since_ += given * time_of_one_;
            const auto most = static_cast<std::int64_t>(most_);
            earn(static_cast<std::size_t>(std::min<std::int64_t>(given, most)));
        }
        if (left_ == 0) return false;
        --left_;
        return true;
    }

private:
    std::size_t most_;
    std::size_t left_;
    Duration time_of_one_;
    TimePoint since_;  // when time has given what it owes
};

}  // namespace nikawa
