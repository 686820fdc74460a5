#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/time.hpp"

namespace nikawa::demo {

/// What is on its way in one direction of a connection: every flight arrives `delay` after it was
/// sent, in order, however many are under way. Values and times in, values out: no clock, no
/// sockets.
class DelayLine {
public:
    enum class Kind : std::uint8_t {
        bytes,
        end,    ///< the sender has ended its side
        reset,  ///< the sender has broken the connection
    };

    struct Flight {
        TimePoint due;
        Kind kind;
        std::string bytes;
        std::size_t taken = 0;

        [[nodiscard]] Bytes rest() const { return Bytes{bytes}.substr(taken); }
    };

    /// The first flight takes `first_extra` longer, and nothing overtakes it.
    DelayLine(Duration delay, Duration first_extra) : delay_(delay), first_extra_(first_extra) {}

    void send(Kind kind, std::string bytes, TimePoint now);

    /// When the earliest flight arrives; TimePoint::max() when nothing is under way.
    [[nodiscard]] TimePoint next_due() const {
        return flights_.empty() ? TimePoint::max() : flights_.front().due;
    }

    /// The earliest flight if it has arrived by `now`, else nullptr. Valid until the next call of
    /// another function.
    [[nodiscard]] const Flight* arrived(TimePoint now) const {
        return next_due() <= now && !flights_.empty() ? &flights_.front() : nullptr;
    }

    /// Takes that many bytes off the earliest flight, and the flight once nothing is left of it.
    void take(std::size_t bytes);

    /// Loses all that is under way.
    void clear();

    /// Whether no more should be sent for now.
    [[nodiscard]] bool is_full() const { return bytes_under_way_ >= max_bytes; }

    /// What a line carries at once: room for 5 Gbit/s at an RTT of 100 ms.
    static constexpr std::size_t max_bytes = 32 * 1024 * 1024;

private:
    Duration delay_;
    Duration first_extra_;
    std::size_t bytes_under_way_ = 0;
    TimePoint last_due_{};
    std::deque<Flight> flights_;
};

}  // namespace nikawa::demo
