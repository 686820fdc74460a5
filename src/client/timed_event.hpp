#pragma once

#include "nikawa/loop/loop.hpp"

namespace nikawa::client {

/// An event for which somebody waits until a deadline, and who hears which of the two it was.
class TimedEvent final : private loop::Expirable {
public:
    explicit TimedEvent(loop::Loop& loop) : event_(loop), watchdog_(loop.deadlines(), *this) {}

    void start() {
        event_.reset();
        is_overdue_ = false;
        watchdog_.disarm();
    }

    void notify() noexcept { event_.notify(); }

    /// When the wait that is under way, or the next one, ends at the latest.
    void expect_by(Deadline deadline) {
        is_overdue_ = false;
        watchdog_.arm(deadline);
    }
    void expect_no_more() { watchdog_.disarm(); }
    [[nodiscard]] bool is_overdue() const { return is_overdue_; }

    [[nodiscard]] bool has_waiter() const noexcept { return event_.has_waiter(); }
    [[nodiscard]] loop::Event::Awaiter wait() noexcept { return event_.wait(); }

private:
    void expire() noexcept override {
        is_overdue_ = true;
        event_.notify();
    }

    loop::Event event_;
    loop::Watchdog watchdog_;
    bool is_overdue_ = false;
};

}  // namespace nikawa::client
