#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "nikawa/loop/loop.hpp"

namespace nikawa::test {

/// A task that was started and may have ended by now.
template <class T>
class Started {
public:
    [[nodiscard]] bool done() const { return value_->has_value(); }

    /// What the task gave; only once it is `done()`.
    [[nodiscard]] T& value() const { return value_->value(); }

private:
    friend class TestLoop;
    std::shared_ptr<std::optional<T>> value_ = std::make_shared<std::optional<T>>();
};

/// A loop with a clock of its own that stands still until `advance()`. Declare it first in a
/// fixture: whoever still has a coroutine in it when it is destroyed has failed the test.
class TestLoop {
public:
    /// An arbitrary time that is not the clock's zero.
    static constexpr TimePoint start_time{std::chrono::hours{1000}};

    TestLoop() { loop_.set_now(start_time); }
    TestLoop(const TestLoop&) = delete;
    TestLoop& operator=(const TestLoop&) = delete;
    ~TestLoop() {
        run();
        EXPECT_EQ(loop_.task_count(), 0U) << "coroutines are left at the end of the test";
    }

    operator loop::Loop&() { return loop_; }  // NOLINT(google-explicit-constructor): it is one
    loop::Loop& loop() { return loop_; }
    [[nodiscard]] TimePoint now() const { return loop_.now(); }

    /// Runs what is ready until nothing is; the test has failed if there is no end to it.
    void run() {
        constexpr int most_turns = 1000;
        int turns = 0;
        do {
            loop_.run_turn();
        } while (loop_.has_work() && ++turns < most_turns);
        EXPECT_LT(turns, most_turns) << "something goes round for ever";
    }

    /// Lets time pass, stopping at every deadline on the way.
    void advance(Duration duration) {
        run();
        const auto end = loop_.now() + duration;
        for (auto next = loop_.deadlines().next(); next.at() <= end;
             next = loop_.deadlines().next()) {
            loop_.advance_to(next.at());
            run();
        }
        loop_.advance_to(end);
        run();
    }

    /// Starts a coroutine; it runs with the next `run()`.
    void spawn(Task<void> task) { loop_.spawn(std::move(task)); }

    /// Starts a coroutine and runs it as far as it comes.
    template <class T>
    Started<T> start(Task<T> task) {
        Started<T> started;
        spawn(keep(std::move(task), started.value_));
        run();
        return started;
    }

    /// Runs a coroutine that needs nothing but what is ready, and gives its value.
    template <class T>
    T result_of(Task<T> task) {
        const auto started = start(std::move(task));
        EXPECT_TRUE(started.done()) << "the task waits for something";
        return std::move(started.value());
    }

private:
    template <class T>
    static Task<void> keep(Task<T> task, std::shared_ptr<std::optional<T>> into) {
        into->emplace(co_await std::move(task));
    }

    loop::Loop loop_;
};

}  // namespace nikawa::test
