#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "nikawa/net/unique_fd.hpp"

namespace nikawa::net {

/// What hears of a descriptor's readiness.
class Pollable {
public:
    /// `events` as epoll gives them (EPOLLIN, EPOLLOUT, EPOLLRDHUP, ...). Runs outside a turn: it
    /// records and notifies.
    virtual void ready(std::uint32_t events) noexcept = 0;

protected:
    ~Pollable() = default;
};

/// One epoll set, which itself is one descriptor of the shard's io_context.
///
/// Asio's own readiness wait costs a system call and a handler for each wait. Here a descriptor is
/// registered once, edge-triggered where its user can bear it, and a whole batch of ready
/// connections is told before the one turn that serves them all.
class Poller {
public:
    Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    /// Registers a descriptor; what is ready already is told in the next batch. 0 or an errno.
    [[nodiscard]] int add(int fd, std::uint32_t events, Pollable& pollable) noexcept;

    /// Changes what is waited for; what is ready already is told again. 0 or an errno.
    [[nodiscard]] int change(int fd, std::uint32_t events, Pollable& pollable) noexcept;

    /// Unregisters a descriptor that stays open; one that is closed unregisters itself.
    void remove(int fd) noexcept;

    /// To be called before a pollable is destroyed or its descriptor closed: it may stand in the
    /// batch that is just being told.
    void forget(const Pollable& pollable) noexcept;

    /// Tells one batch of what is ready, without waiting.
    void dispatch() noexcept;

    [[nodiscard]] int fd() const noexcept { return epoll_.get(); }

private:
    // More than that at once and the turn gets long; the rest is told in the next batch.
    static constexpr int max_batch = 256;

    UniqueFd epoll_;
    std::array<epoll_event, max_batch> batch_;
    int at_ = 0;
    int end_ = 0;
};

}  // namespace nikawa::net
