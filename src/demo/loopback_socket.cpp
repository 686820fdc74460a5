#include "demo/loopback_socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "nikawa/net/listener.hpp"
#include "nikawa/net/socket.hpp"

namespace nikawa::demo {

net::UniqueFd listen_on_loopback() {
    net::UniqueFd listener = net::listen_on("127.0.0.1", 0);
    ::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
    net::send_at_once(listener.get());  // what it accepts inherits this
    return listener;
}

std::uint16_t port_of(const net::UniqueFd& listener) {
    sockaddr_in address{};
    socklen_t bytes = sizeof address;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
    return ntohs(address.sin_port);
}

net::UniqueFd accept_from(const net::UniqueFd& listener) {
    return net::UniqueFd{::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
}

net::UniqueFd begin_connect(std::uint16_t port) {
    net::UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) return {};
    net::send_at_once(socket.get());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int failed =
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return failed == 0 || errno == EINPROGRESS ? std::move(socket) : net::UniqueFd{};
}

void wait_for(std::span<pollfd> polled, TimePoint until) {
    using namespace std::chrono;
    timespec left{};
    if (until != TimePoint::max()) {
        const auto wait = std::max(until - steady_clock::now(), Duration::zero());
        left.tv_sec = duration_cast<seconds>(wait).count();
        left.tv_nsec = (wait % seconds{1}).count();
    }
    const bool forever = until == TimePoint::max();
    if (::ppoll(polled.data(), polled.size(), forever ? nullptr : &left, nullptr) <= 0) {
        for (pollfd& one : polled) one.revents = 0;  // unspecified after EINTR
    }
}

}  // namespace nikawa::demo
