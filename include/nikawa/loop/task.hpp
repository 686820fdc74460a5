#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace nikawa {

template <class T>
class Task;

namespace detail {

/// What every task's promise has: who goes on when it ends. Exceptions do not cross a task: errors
/// are values, and what is thrown all the same is a bug that ends the process at once.
class TaskPromiseBase {
public:
    struct Final {
        static bool await_ready() noexcept { return false; }
        template <class Promise>
        static std::coroutine_handle<> await_suspend(
            std::coroutine_handle<Promise> ended) noexcept {
            const auto next = ended.promise().continuation;
            return next ? next : std::coroutine_handle<>{std::noop_coroutine()};
        }
        static void await_resume() noexcept {}
    };

    static std::suspend_always initial_suspend() noexcept { return {}; }
    static Final final_suspend() noexcept { return {}; }
    [[noreturn]] static void unhandled_exception() noexcept { std::terminate(); }

    std::coroutine_handle<> continuation;
};

template <class T>
class TaskPromise : public TaskPromiseBase {
public:
    Task<T> get_return_object() noexcept;
    template <class U>
    void return_value(U&& given) {
        value.emplace(std::forward<U>(given));
    }
    T take() { return std::move(*value); }

    std::optional<T> value;
};

template <>
class TaskPromise<void> : public TaskPromiseBase {
public:
    Task<void> get_return_object() noexcept;
    static void return_void() noexcept {}
    static void take() noexcept {}
};

}  // namespace detail

/// A coroutine that starts when it is awaited and gives its awaiter a `T`; our only coroutine type.
///
/// Owns its frame. A task that ends without suspending never leaves its awaiter's stack, so a loop
/// over ready data costs no trip through the `Loop`. Not thread-safe: it lives and dies on one
/// shard. Destroying a suspended task is allowed only where nothing will resume it.
template <class T = void>
class [[nodiscard]] Task {
public:
    using promise_type = detail::TaskPromise<T>;

    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~Task() {
        if (frame_) frame_.destroy();
    }

    struct Awaiter {
        std::coroutine_handle<promise_type> frame;

        static bool await_ready() noexcept { return false; }
        // Runs the task at once. The continuation is set only if it suspended, so that the end of a
        // task that did not suspend returns here instead of resuming an awaiter that still runs.
        bool await_suspend(std::coroutine_handle<> awaiter) noexcept {
            frame.resume();
            if (frame.done()) return false;
            frame.promise().continuation = awaiter;
            return true;
        }
        T await_resume() { return frame.promise().take(); }
    };

    Awaiter operator co_await() && noexcept { return Awaiter{frame_}; }

private:
    friend promise_type;
    explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
    return Task<T>{std::coroutine_handle<TaskPromise>::from_promise(*this)};
}

inline Task<void> TaskPromise<void>::get_return_object() noexcept {
    return Task<void>{std::coroutine_handle<TaskPromise>::from_promise(*this)};
}

}  // namespace detail
}  // namespace nikawa
