#pragma once

#include <chrono>

namespace nikawa {

/// The monotonic clock: jumps of the wall clock do not disturb a deadline.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// A point on the shard's clock at which a wait ends; never a duration, so that it can be handed
/// down unchanged.
class Deadline {
public:
    /// A wait without end.
    static constexpr Deadline none() { return Deadline{TimePoint::max()}; }

    /// `wait` from `now`; a zero or negative option value means no limit.
    static constexpr Deadline after(TimePoint now, Duration wait) {
        return wait > Duration::zero() ? Deadline{now + wait} : none();
    }

    constexpr explicit Deadline(TimePoint at) : at_(at) {}

    [[nodiscard]] constexpr TimePoint at() const { return at_; }
    [[nodiscard]] constexpr bool is_none() const { return at_ == TimePoint::max(); }

    friend constexpr auto operator<=>(const Deadline&, const Deadline&) = default;

private:
    TimePoint at_;
};

}  // namespace nikawa
