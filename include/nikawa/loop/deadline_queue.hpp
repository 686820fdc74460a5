#pragma once

#include <cstddef>
#include <vector>

#include "nikawa/base/time.hpp"

namespace nikawa::loop {

class Watchdog;

/// All deadlines of a shard as a data structure; time comes in through `advance_to()`.
///
/// A binary heap of watchdogs, each at most once. A watchdog whose deadline moves later stays where
/// it is and is put right when its old time comes, so that re-arming on every read costs a store.
class DeadlineQueue {
public:
    DeadlineQueue() = default;
    DeadlineQueue(const DeadlineQueue&) = delete;
    DeadlineQueue& operator=(const DeadlineQueue&) = delete;

    /// Calls `expire()` of each watchdog whose deadline is at or before `now`, earliest first.
    void advance_to(TimePoint now);

    /// A time no later than the next deadline; `Deadline::none()` when nothing is armed.
    [[nodiscard]] Deadline next() const;

private:
    friend Watchdog;
    void put(Watchdog& watchdog);
    void remove(Watchdog& watchdog);
    void place(std::size_t at, Watchdog* watchdog);
    void sift_up(std::size_t at);
    void sift_down(std::size_t at);

    std::vector<Watchdog*> heap_;
};

/// What is told that its time is up. It does the one thing that is always allowed: close the
/// socket, reset the stream, or wake the waiter.
class Expirable {
public:
    virtual void expire() noexcept = 0;

protected:
    ~Expirable() = default;
};

/// One deadline, embedded in what it watches over. Expires once for each arming; disarms itself
/// when destroyed.
class Watchdog {
public:
    Watchdog(DeadlineQueue& queue, Expirable& owner) : queue_(queue), owner_(owner) {}
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    ~Watchdog();

    /// Replaces the deadline that was set before.
    void arm(Deadline deadline);
    void disarm() { deadline_ = Deadline::none(); }

    [[nodiscard]] Deadline deadline() const { return deadline_; }

private:
    friend DeadlineQueue;
    static constexpr std::size_t not_queued = static_cast<std::size_t>(-1);

    DeadlineQueue& queue_;
    Expirable& owner_;
    Deadline deadline_ = Deadline::none();
    TimePoint queued_at_{};  // never later than deadline_
    std::size_t position_ = not_queued;
};

}  // namespace nikawa::loop
