#pragma once

#include <algorithm>

#include "nikawa/loop/loop.hpp"
#include "nikawa/net/byte_stream.hpp"

namespace nikawa::client {

/// A connection that was idle for so long keeps no memory of its last exchange; before, the next
/// one finds it.
inline constexpr Duration memory_kept = std::chrono::seconds{1};

/// The deadlines of a connection's two directions on one watchdog. When one passes, that direction
/// is overdue until it is set again, and whoever waits on the stream is woken to see it.
class Inactivity final : private loop::Expirable {
public:
    Inactivity(loop::Loop& loop, net::ByteStream& stream)
        : loop_(loop), stream_(stream), watchdog_(loop.deadlines(), *this) {}

    void expect_input_by(Deadline deadline) { expect(input_, deadline); }
    void expect_output_by(Deadline deadline) { expect(output_, deadline); }

    [[nodiscard]] bool is_input_overdue() const { return input_.overdue; }
    [[nodiscard]] bool is_output_overdue() const { return output_.overdue; }

private:
    struct Direction {
        Deadline deadline = Deadline::none();
        bool overdue = false;
    };

    void expect(Direction& direction, Deadline deadline) {
        direction = {deadline, false};
        watchdog_.arm(std::min(input_.deadline, output_.deadline));
    }

    void expire() noexcept override {
        for (Direction* const direction : {&input_, &output_}) {
            if (direction->deadline.at() <= loop_.now()) *direction = {Deadline::none(), true};
        }
        watchdog_.arm(std::min(input_.deadline, output_.deadline));
        stream_.wake();
    }

    loop::Loop& loop_;
    net::ByteStream& stream_;
    Direction input_;
    Direction output_;
    loop::Watchdog watchdog_;
};

}  // namespace nikawa::client
