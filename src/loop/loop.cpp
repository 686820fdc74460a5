#include "nikawa/loop/loop.hpp"

#include <algorithm>
#include <cassert>

namespace nikawa::loop {
namespace {

// What is legitimate takes a handful of them.
constexpr int most_rounds = 256;

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
    for (rounds_left_ = most_rounds; has_work() && rounds_left_ > 0;) {
        resume_ready();
        flush_dirty();
    }
    in_turn_ = false;
    if (has_work()) wake_driver();
    if (had_tasks && tasks_ == 0 && ended_) ended_();
}

// Those that became ready meanwhile are another round.
void Loop::resume_ready() {
    std::size_t resumed = 0;
    do {
        --rounds_left_;
        for (const std::size_t end = ready_.size(); resumed < end;) {
            const auto next = ready_[resumed++];
            next.resume();
        }
    } while (resumed < ready_.size() && rounds_left_ > 0);
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(resumed));
}

// What has become ready goes first, unless it never ends: then this must not wait for it.
void Loop::flush_dirty() {
    const bool is_last = !ready_.empty();
    const std::size_t end = dirty_.size();
    for (std::size_t i = 0; i < end && (is_last || ready_.empty()); ++i) {
        TurnFlush* const next = std::exchange(dirty_[i], nullptr);
        if (next == nullptr) continue;
        next->dirty_ = false;
        next->flush();
    }
    std::erase(dirty_, nullptr);
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
