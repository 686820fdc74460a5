#include "nikawa/net/poller.hpp"

#include <cerrno>
#include <system_error>

namespace nikawa::net {

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

int Poller::add(int fd, std::uint32_t events, Pollable& pollable) noexcept {
    epoll_event event{.events = events, .data = {.ptr = &pollable}};
    return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int Poller::change(int fd, std::uint32_t events, Pollable& pollable) noexcept {
    epoll_event event{.events = events, .data = {.ptr = &pollable}};
    return epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

void Poller::remove(int fd) noexcept { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void Poller::forget(const Pollable& pollable) noexcept {
    for (int i = at_; i < end_; ++i) {
        auto& event = batch_[static_cast<std::size_t>(i)];
        if (event.data.ptr == &pollable) event.data.ptr = nullptr;
    }
}

void Poller::dispatch() noexcept {
    end_ = epoll_wait(epoll_.get(), batch_.data(), max_batch, 0);
    for (at_ = 0; at_ < end_;) {
        const auto& event = batch_[static_cast<std::size_t>(at_++)];
        if (event.data.ptr != nullptr) static_cast<Pollable*>(event.data.ptr)->ready(event.events);
    }
    at_ = end_ = 0;
}

}  // namespace nikawa::net
