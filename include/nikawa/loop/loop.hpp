#pragma once

#include <coroutine>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "nikawa/base/time.hpp"
#include "nikawa/loop/deadline_queue.hpp"
#include "nikawa/loop/task.hpp"

namespace nikawa::loop {

class Loop;

/// Something that became dirty and wants to be put right once, at the end of the turn: a session
/// with frames to write leaves them all in one TLS record and one write.
class TurnFlush {
public:
    explicit TurnFlush(Loop& loop) : loop_(loop) {}
    TurnFlush(const TurnFlush&) = delete;
    TurnFlush& operator=(const TurnFlush&) = delete;

    /// Asks for one `flush()` at the end of this turn; asking again changes nothing.
    void mark_dirty();

protected:
    virtual ~TurnFlush();
    /// Runs on the bare loop. May make coroutines ready and mark others dirty: the turn goes on.
    virtual void flush() noexcept = 0;

private:
    friend Loop;
    Loop& loop_;
    bool dirty_ = false;
};

/// The heart of one shard: what is ready to run, what time it is, which deadlines are pending. It
/// does no input or output and asks no clock, so a test can be the whole world around it.
///
/// A turn resumes every coroutine that is ready, in order, until none is; then flushes what became
/// dirty; and repeats while that made something ready. Where that has no end the turn ends after
/// some hundred rounds, and the next one goes on: what never rests must not keep input, deadlines
/// and signals from anybody else. One thread only.
class Loop {
public:
    Loop() = default;
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop();

    /// Runs one turn. Must not be called from within one. If it leaves work it calls `on_wake()`'s.
    void run_turn();

    /// Whether something is ready or dirty, so that a turn is due.
    [[nodiscard]] bool has_work() const { return !ready_.empty() || !dirty_.empty(); }

    /// Sets the clock forward, expires what is due and runs the turn that this starts.
    void advance_to(TimePoint now);

    /// Sets the clock forward without looking at deadlines; for the shard, once before each turn.
    void set_now(TimePoint now) { now_ = now; }

    /// The time at which the turn began.
    [[nodiscard]] TimePoint now() const { return now_; }

    [[nodiscard]] DeadlineQueue& deadlines() { return deadlines_; }

    /// Starts a coroutine that nobody awaits, in this turn. The loop counts it: `task_count()` is
    /// zero when all have ended, and only then may what they point at be destroyed.
    void spawn(Task<void> task);

    [[nodiscard]] std::size_t task_count() const { return tasks_; }

    /// Called at the end of the turn in which the last spawned coroutine has ended.
    void on_last_task_end(std::function<void()> ended) { ended_ = std::move(ended); }

    /// Resumes `coroutine` in this turn (in the next one if none is running).
    void make_ready(std::coroutine_handle<> coroutine);

    struct Yield {
        Loop& loop;
        static bool await_ready() noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiter) const { loop.make_ready(waiter); }
        static void await_resume() noexcept {}
    };

    /// Lets everything else that is ready go first.
    [[nodiscard]] Yield yield() { return Yield{*this}; }

    /// Called when something becomes ready or dirty while no turn runs, or is left by one: whoever
    /// drives the loop arranges that `run_turn()` is called soon, but not from within this call,
    /// and after a look at what else there is.
    void on_wake(std::function<void()> wake) { wake_ = std::move(wake); }

private:
    friend TurnFlush;
    void wake_driver();
    void resume_ready();
    void flush_dirty();

    std::vector<std::coroutine_handle<>> ready_;
    std::vector<TurnFlush*> dirty_;
    std::size_t tasks_ = 0;
    TimePoint now_{};
    int rounds_left_ = 0;  // of this turn
    bool in_turn_ = false;
    bool woken_ = false;
    std::function<void()> wake_;
    std::function<void()> ended_;
    DeadlineQueue deadlines_;
};

/// Wakes one waiting coroutine of the same shard: from the loop, never inside the call.
///
/// `notify()` before `wait()` is remembered, once. One waiter at a time.
class Event {
public:
    explicit Event(Loop& loop) : loop_(loop) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void notify() noexcept {
        if (waiter_) {
            loop_.make_ready(std::exchange(waiter_, nullptr));
        } else {
            notified_ = true;
        }
    }

    /// Forgets a notification that nobody waited for.
    void reset() noexcept { notified_ = false; }

    [[nodiscard]] bool has_waiter() const noexcept { return waiter_ != nullptr; }

    struct Awaiter {
        Event& event;
        bool await_ready() noexcept { return std::exchange(event.notified_, false); }
        void await_suspend(std::coroutine_handle<> waiter) noexcept { event.waiter_ = waiter; }
        static void await_resume() noexcept {}
    };

    /// Suspends until the next `notify()`; does not suspend if one is remembered.
    [[nodiscard]] Awaiter wait() noexcept { return Awaiter{*this}; }

private:
    Loop& loop_;
    std::coroutine_handle<> waiter_;
    bool notified_ = false;
};

}  // namespace nikawa::loop
