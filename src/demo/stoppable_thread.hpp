#pragma once

#include <poll.h>

#include <thread>
#include <utility>

#include "demo/loopback_socket.hpp"

namespace nikawa::demo {

/// Says once and for all that it is time to end, in a form that poll(2) can wait for.
class StopSignal {
public:
    /// Throws std::system_error.
    StopSignal();

    /// May be called on any thread.
    void raise() noexcept;

    [[nodiscard]] bool is_raised() const;

    /// Readable from `raise()` on.
    [[nodiscard]] pollfd polled() const { return {event_.get(), POLLIN, 0}; }

private:
    net::UniqueFd event_;
};

/// Keeps signals away from the calling thread: the daemon's own thread takes them, and a write to
/// a connection that is gone is an error rather than SIGPIPE.
void block_signals();

/// A thread that ends when it is told to: `body(const StopSignal&)` returns soon after the signal.
class StoppableThread {
public:
    template <class Body>
    explicit StoppableThread(Body body)
        : thread_([this, body = std::move(body)]() mutable {
              block_signals();
              body(stop_);
          }) {}
    StoppableThread(const StoppableThread&) = delete;
    StoppableThread& operator=(const StoppableThread&) = delete;

    /// Stops and joins.
    ~StoppableThread() {
        stop_.raise();
        thread_.join();
    }

private:
    StopSignal stop_;
    std::thread thread_;
};

}  // namespace nikawa::demo
