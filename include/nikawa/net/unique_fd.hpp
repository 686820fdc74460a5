#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace nikawa::net {

/// Owns one file descriptor, or none.
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) { count(fd >= 0 ? 1 : 0); }
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~UniqueFd() { reset(); }

    /// Closes it.
    void reset() noexcept;

    /// Gives it away.
    [[nodiscard]] int release() noexcept {
        count(fd_ >= 0 ? -1 : 0);
        return std::exchange(fd_, -1);
    }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

    /// From any thread: how many descriptors are owned so, in the whole process.
    [[nodiscard]] static std::size_t owned() noexcept {
        const auto owned = owned_.load(std::memory_order_relaxed);
        return owned > 0 ? static_cast<std::size_t>(owned) : 0;
    }

private:
    static void count(std::ptrdiff_t change) noexcept {
        if (change != 0) owned_.fetch_add(change, std::memory_order_relaxed);
    }

    static inline std::atomic<std::ptrdiff_t> owned_{0};

    int fd_ = -1;
};

}  // namespace nikawa::net
