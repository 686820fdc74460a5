#include "nikawa/net/socket.hpp"

#include <netinet/tcp.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>

#include "net/socket_address.hpp"

namespace nikawa::net {
namespace {

constexpr std::uint32_t read_events = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t write_events = EPOLLOUT;

// A head, a chunk's size, its data and its end are four; more are worth a second call.
constexpr std::size_t max_pieces = 16;

void set_option(int fd, int level, int name, int value) noexcept {
    setsockopt(fd, level, name, &value, sizeof value);
}

// When TCP asks a peer for a sign of life: after so many idle seconds, and again each so many.
struct Probes {
    int idle;
    int interval;
};

constexpr Probes patient{.idle = 30, .interval = 10};
constexpr Probes urgent{.idle = 1, .interval = 1};

// With the probes turned on, a new idle time counts from when the peer was last heard, so that
// a connection idle for longer is probed at once.
void set_probes(int fd, Probes probes) noexcept {
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, probes.interval);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, probes.idle);
}

}  // namespace

Socket::Socket(Poller& poller, UniqueFd fd, SocketListener& listener, State state)
    : poller_(poller),
      listener_(listener),
      fd_(std::move(fd)),
      sendable_(state == State::connected) {}

Socket::~Socket() { poller_.forget(*this); }

IoResult Socket::receive(MutableBytes into) noexcept {
    if (!fd_) return failed(error_);
    if (watched_ != 0 && !receivable_) return {IoResult::State::would_block};
    for (;;) {
        const auto got = ::recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
        if (got > 0) {
            const auto bytes = static_cast<std::size_t>(got);
            if (bytes < into.size() && !is_peer_gone()) receivable_ = false;
            return {IoResult::State::done, bytes};
        }
        // Where writing failed, what had come before could be read, and there is no end behind it.
        if (error_ != 0 && (got == 0 || errno != EINTR)) return failed(error_);
        if (got == 0) return {IoResult::State::end};
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            receivable_ = false;
            return {IoResult::State::would_block};
        }
        if (errno != EINTR) return failed(errno);
    }
}

IoResult Socket::send(std::span<const Bytes> pieces) noexcept {
    if (!fd_ || error_ != 0) return failed(error_);
    if ((watched_ & EPOLLOUT) != 0 && !sendable_) return {IoResult::State::would_block};

    std::array<iovec, max_pieces> vector;
    msghdr message{};
    message.msg_iov = vector.data();
    for (const Bytes piece : pieces) {
        if (piece.empty()) continue;
        vector[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
        if (message.msg_iovlen == max_pieces) break;
    }
    if (message.msg_iovlen == 0) return {IoResult::State::done};
    for (;;) {
        const auto sent = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) return {IoResult::State::done, static_cast<std::size_t>(sent)};
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            sendable_ = false;
            return {IoResult::State::would_block};
        }
        if (errno != EINTR) return failed(errno);
    }
}

bool Socket::want_readable() noexcept {
    if (fd_ && watched_ == 0) watch(read_events);
    return receivable_ || !fd_;
}

bool Socket::want_writable() noexcept {
    if (sendable_ || !fd_) return true;
    if ((watched_ & EPOLLOUT) == 0) watch(read_events | write_events);
    return sendable_;
}

void Socket::tell_again() noexcept {
    if (!fd_) return;
    if (watched_ == 0) {
        watch(read_events);
    } else if (receivable_) {
        watch(watched_);
    }
}

bool Socket::is_peer_gone() const noexcept { return is_broken() || peer_ended_; }

int Socket::connect_error() const noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

PathReport Socket::path() const noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
    const auto silence = std::min(info.tcpi_last_ack_recv, info.tcpi_last_data_recv);
    return {.is_waiting = info.tcpi_unacked > 0, .silence = std::chrono::milliseconds{silence}};
}

void Socket::probe_path(bool on) noexcept { set_probes(fd_.get(), on ? urgent : patient); }

void Socket::bear_full_window() noexcept {
    set_option(fd_.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
}

void Socket::shutdown_send() noexcept {
    send_ended_ = true;
    if (fd_) ::shutdown(fd_.get(), SHUT_WR);
}

void Socket::close() noexcept {
    poller_.forget(*this);
    fd_.reset();
}

UniqueFd Socket::release() noexcept {
    poller_.forget(*this);
    if (watched_ != 0) poller_.remove(fd_.get());
    return std::move(fd_);
}

void Socket::ready(std::uint32_t events) noexcept {
    // Both sides ended in good order are a hang-up, too; what came before it is still to be read.
    const std::uint32_t over = send_ended_ ? EPOLLERR : EPOLLHUP | EPOLLERR;
    if ((events & over) != 0) broken_ = true;
    if ((events & (EPOLLRDHUP | over)) != 0) peer_ended_ = true;
    const bool readable = (events & (EPOLLIN | EPOLLRDHUP | over)) != 0;
    const bool writable = (events & (EPOLLOUT | over)) != 0;
    receivable_ = receivable_ || readable;
    sendable_ = sendable_ || writable;
    listener_.socket_ready(readable, writable);
}

// Registering tells what is ready already, so what was known before is forgotten.
void Socket::watch(std::uint32_t events) noexcept {
    const int error = watched_ == 0 ? poller_.add(fd_.get(), events, *this)
                                    : poller_.change(fd_.get(), events, *this);
    receivable_ = error != 0;
    if (error == 0) {
        watched_ = events;
    } else {
        error_ = error;  // nobody would ever wake the waiter: let the next call fail instead
        sendable_ = true;
    }
}

IoResult Socket::failed(int error) noexcept {
    error_ = error != 0 ? error : ENOTCONN;
    receivable_ = sendable_ = true;  // a waiter is to hear of it at once
    return {IoResult::State::failed, 0, {error_, boost::system::system_category()}};
}

void send_at_once(int fd) noexcept { set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

void reset_on_close(int fd) noexcept {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void detect_dead_peer(int fd, Duration unacknowledged) noexcept {
    using std::chrono::milliseconds;
    const auto limit = std::chrono::duration_cast<milliseconds>(unacknowledged).count();
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_probes(fd, patient);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set_option(fd,
               IPPROTO_TCP,
               TCP_USER_TIMEOUT,
               static_cast<int>(std::min<std::int64_t>(limit, std::numeric_limits<int>::max())));
}

void limit_unsent(int fd, std::size_t bytes) noexcept {
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(bytes));
}

std::optional<Endpoint> peer_of(int fd) noexcept {
    SocketAddress address;
    if (getpeername(fd, address.get(), &address.size) != 0) return std::nullopt;
    return address.endpoint();
}

}  // namespace nikawa::net
