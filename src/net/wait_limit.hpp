#pragma once

#include "nikawa/loop/deadline_queue.hpp"
#include "nikawa/loop/loop.hpp"

namespace nikawa::net {

/// Ends the waits of one coroutine on one event at a deadline: a local of that coroutine.
class WaitLimit final : private loop::Expirable {
public:
    WaitLimit(loop::Loop& loop, loop::Event& event, Deadline deadline)
        : event_(event), watchdog_(loop.deadlines(), *this) {
        watchdog_.arm(deadline);
    }

    [[nodiscard]] bool has_expired() const noexcept { return expired_; }

private:
    void expire() noexcept override {
        expired_ = true;
        event_.notify();
    }

    loop::Event& event_;
    loop::Watchdog watchdog_;
    bool expired_ = false;
};

}  // namespace nikawa::net
