#include "nikawa/net/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include "net/socket_address.hpp"
#include "nikawa/net/descriptor_relief.hpp"

namespace nikawa::net {
namespace {

// Enough to keep a fast client busy while we fetch more.
constexpr std::size_t unsent_in_kernel = 64 * 1024;

// A burst of clients while a turn is long; the kernel lowers it to net.core.somaxconn.
constexpr int backlog = 4096;

// So that a flood of connections does not starve those that are open.
constexpr int max_batch = 64;

constexpr std::chrono::milliseconds pause_without_descriptors{100};

UniqueFd any_descriptor() { return UniqueFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; }

bool is_shortage(int error) {
    return is_out_of_descriptors(error) || error == ENOBUFS || error == ENOMEM;
}

std::runtime_error cannot_listen(const std::string& where, int error) {
    return std::runtime_error{"cannot listen on " + where + ": " +
                              std::generic_category().message(error)};
}

}  // namespace

std::optional<Endpoint> local_endpoint(int fd) {
    SocketAddress address;
    if (getsockname(fd, address.get(), &address.size) != 0) return std::nullopt;
    return address.endpoint();
}

UniqueFd listen_on(const std::string& address, std::uint16_t port) {
    const auto ip = IpAddress::parse(address);
    if (!ip) throw cannot_listen(address + ":" + std::to_string(port), EINVAL);
    const Endpoint endpoint{*ip, port};

    UniqueFd fd{::socket(ip->is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const int on = 1;
    SocketAddress local{endpoint};
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(fd.get(), local.get(), local.size) != 0 || ::listen(fd.get(), backlog) != 0) {
        throw cannot_listen(endpoint.to_string(), errno);
    }
    return fd;
}

Listener::Listener(EventLoop& event_loop, UniqueFd fd, Accepted accepted)
    : Listener(event_loop, std::move(fd), std::move(accepted), Shortage{}) {}

Listener::Listener(EventLoop& event_loop, UniqueFd fd, Accepted accepted, Shortage shortage)
    : TurnFlush(event_loop.loop()),
      event_loop_(event_loop),
      fd_(std::move(fd)),
      accepted_(std::move(accepted)),
      shortage_(std::move(shortage)),
      pause_ends_(event_loop.loop().deadlines(), *this) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd_.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
        throw std::runtime_error{"file descriptor " + std::to_string(fd_.get()) +
                                 " is not a listening socket"};
    }
    fcntl(fd_.get(), F_SETFL, fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
    fcntl(fd_.get(), F_SETFD, FD_CLOEXEC);
    // What it accepts inherits these. A slow client's response waits in our hands, where it holds
    // the origin, and not by the megabyte in the kernel.
    send_at_once(fd_.get());
    limit_unsent(fd_.get(), unsent_in_kernel);
    if (const int error = event_loop_.poller().add(fd_.get(), EPOLLIN, *this)) {
        throw cannot_listen(this->address(), error);
    }
}

Listener::~Listener() { event_loop_.poller().forget(*this); }

void Listener::close() noexcept {
    if (!fd_) return;
    event_loop_.poller().forget(*this);
    event_loop_.poller().remove(fd_.get());  // another process may hold the same socket
    fd_.reset();
    pause_ends_.disarm();
}

std::string Listener::address() const {
    const auto local = local_endpoint(fd_.get());
    return local ? local->to_string() : "fd " + std::to_string(fd_.get());
}

std::uint16_t Listener::port() const { return local_endpoint(fd_.get()).value_or(Endpoint{}).port; }

void Listener::ready(std::uint32_t /*events*/) noexcept { mark_dirty(); }

void Listener::flush() noexcept {
    if (!reserve_ && shortage_.refuse) reserve_ = any_descriptor();
    for (int accepted = 0; fd_ && accepted < max_batch; ++accepted) {
        auto stream = accept();
        if (stream) {
            accepted_(std::move(stream));
            continue;
        }
        if (is_out_of_descriptors(errno) && reserve_) accept_with_reserve();
        if (is_shortage(errno)) return pause();
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        // Else the connection broke before it was accepted, or was dealt with: to the next.
    }
}

std::unique_ptr<TcpStream> Listener::accept() noexcept {
    SocketAddress peer;
    UniqueFd fd{::accept4(fd_.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd) return nullptr;
    return std::make_unique<TcpStream>(
        event_loop_, std::move(fd), peer.endpoint().value_or(Endpoint{}));
}

// Without a descriptor the system does not even say whether a connection waits. Leaves errno as
// `accept()` did, 0 if one came.
void Listener::accept_with_reserve() noexcept {
    reserve_.reset();
    auto stream = accept();
    const int error = stream ? 0 : errno;
    if (stream && shortage_.make_room()) {
        accepted_(std::move(stream));
    } else if (stream) {
        shortage_.refuse(std::move(stream));
    }
    reserve_ = any_descriptor();
    errno = error;
}

void Listener::pause() noexcept {
    // Out of epoll's sight, or the waiting connection would be told in every batch.
    if (event_loop_.poller().change(fd_.get(), 0, *this) != 0) return;
    pause_ends_.arm(Deadline::after(event_loop_.loop().now(), pause_without_descriptors));
}

void Listener::expire() noexcept {
    if (fd_ && event_loop_.poller().change(fd_.get(), EPOLLIN, *this) != 0) mark_dirty();
}

}  // namespace nikawa::net
