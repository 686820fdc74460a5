#pragma once

#include <functional>
#include <memory>

#include "nikawa/loop/loop.hpp"
#include "nikawa/net/poller.hpp"

namespace boost::asio {
class io_context;
}

namespace nikawa::net {

/// Drives a `loop::Loop` with the real world: readiness of sockets, the steady clock, and work
/// posted by other threads. One of them for each shard, and one thread in `run()`.
///
/// Sockets are told in batches and resume nobody: they notify, and one turn follows. The timer is
/// set again only when the earliest deadline moves closer, so that a request costs no timer call.
/// The loop outlives it, and it outlives every socket.
class EventLoop {
public:
    explicit EventLoop(loop::Loop& loop);
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    ~EventLoop();

    /// Serves until `stop()`; may be called again after that.
    void run();

    /// From any thread: `run()` returns soon.
    void stop();

    /// From any thread: runs `work` on the loop's thread, followed by a turn. The way in for
    /// whatever is not a coroutine and spawns, notifies or arms a deadline.
    void post(std::function<void()> work);

    [[nodiscard]] loop::Loop& loop() noexcept { return loop_; }
    [[nodiscard]] Poller& poller() noexcept { return poller_; }

    /// For what is not a socket: signals, and tests that run it until something has happened.
    [[nodiscard]] boost::asio::io_context& io() noexcept;

private:
    struct Asio;

    void wait_for_batch();
    void prepare_turn();
    void turn();
    void set_timer();

    loop::Loop& loop_;
    Poller poller_;
    std::unique_ptr<Asio> asio_;
    Deadline timer_set_to_ = Deadline::none();
    bool turn_follows_ = false;  // so a wake need not arrange for one
};

}  // namespace nikawa::net
