#include "nikawa/loop/loop.hpp"

#include <algorithm>
#include <cassert>

namespace nikawa::loop {
namespace {

// The root of a spawned task: starts at once, frees itself at the end.
struct Root {
    struct promise_type {
        static Root get_return_object() noexcept { return {}; }
        static std::suspend_never initial_suspend() noexcept { return {}; }
        static std::suspend_never final_suspend() noexcept { return {}; }
        static void return_void() noexcept {}
        [[noreturn]] static void unhandled_exception() noexcept { std::terminate(); }
    };
};

Root run_root(Loop& loop, Task<void> task, std::size_t& count) {
    co_await loop.yield();
    co_await std::move(task);
    --count;
}

}  // namespace

void TurnFlush::mark_dirty() {
    if (dirty_) return;
    dirty_ = true;
    loop_.dirty_.push_back(this);
    loop_.wake_driver();
}

TurnFlush::~TurnFlush() {
    if (!dirty_) return;
    // Replaced rather than erased: the turn may be walking the list.
    std::replace(loop_.dirty_.begin(), loop_.dirty_.end(), this, static_cast<TurnFlush*>(nullptr));
}

Loop::~Loop() { assert(tasks_ == 0 && "a coroutine outlives its loop"); }

void Loop::run_turn() {
    assert(!in_turn_);
    in_turn_ = true;
    woken_ = false;
    const bool had_tasks = tasks_ != 0;
    while (!ready_.empty() || !dirty_.empty()) {
        for (std::size_t i = 0; i < ready_.size(); ++i) {  // grows while it runs
            const auto next = ready_[i];
            next.resume();
        }
        ready_.clear();
        for (std::size_t i = 0; i < dirty_.size() && ready_.empty(); ++i) {
            TurnFlush* const next = std::exchange(dirty_[i], nullptr);
            if (next == nullptr) continue;
            next->dirty_ = false;
            next->flush();
        }
        if (ready_.empty()) {
            dirty_.clear();
        } else {
            std::erase(dirty_, nullptr);
        }
    }
    in_turn_ = false;
    if (had_tasks && tasks_ == 0 && ended_) ended_();
}

void Loop::advance_to(TimePoint now) {
    now_ = now;
    deadlines_.advance_to(now);
    run_turn();
}

void Loop::spawn(Task<void> task) {
    ++tasks_;
    run_root(*this, std::move(task), tasks_);
}

void Loop::make_ready(std::coroutine_handle<> coroutine) {
    ready_.push_back(coroutine);
    wake_driver();
}

void Loop::wake_driver() {
    if (in_turn_ || woken_ || !wake_) return;
    woken_ = true;
    wake_();
}

}  // namespace nikawa::loop
