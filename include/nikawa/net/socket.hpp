#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/time.hpp"
#include "nikawa/net/byte_stream.hpp"
#include "nikawa/net/endpoint.hpp"
#include "nikawa/net/poller.hpp"
#include "nikawa/net/unique_fd.hpp"

namespace nikawa::net {

/// Told when a socket may go on.
class SocketListener {
public:
    /// Nothing is touched after this call returns: it may destroy the socket.
    virtual void socket_ready(bool readable, bool writable) noexcept = 0;

protected:
    ~SocketListener() = default;
};

/// A non-blocking TCP socket that knows whether it is worth a system call; what `TcpStream` and
/// `TlsStream` have in common.
///
/// It joins the poller at the first wait, edge-triggered, and stays: from then on a read that came
/// back short means dry until the next edge, so neither the wait nor the vain read costs a call.
class Socket final : private Pollable {
public:
    enum class State : std::uint8_t { connecting, connected };

    Socket(Poller& poller, UniqueFd fd, SocketListener& listener, State state = State::connected);
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket();

    /// As `ByteStream::try_read` and `try_write`.
    IoResult receive(MutableBytes into) noexcept;
    IoResult send(std::span<const Bytes> pieces) noexcept;

    /// Whether receiving may come further; if not, the listener is told once it may.
    bool want_readable() noexcept;
    bool want_writable() noexcept;

    /// Has the listener told anew if there is something to read, or an end, that was told before.
    void tell_again() noexcept;

    /// The peer has ended its side, though something it sent may be unread; or the connection
    /// broke.
    [[nodiscard]] bool is_peer_gone() const noexcept;

    /// The connection broke, in both directions.
    [[nodiscard]] bool is_broken() const noexcept { return broken_ || error_ != 0; }

    /// As `ByteStream::path`, `probe_path` and `bear_full_window`.
    [[nodiscard]] PathReport path() const noexcept;
    void probe_path(bool on) noexcept;
    void bear_full_window() noexcept;

    /// What became of a connect, once writable: 0 or an errno.
    [[nodiscard]] int connect_error() const noexcept;

    void shutdown_send() noexcept;
    void close() noexcept;

    /// Gives the descriptor away, out of the poller.
    UniqueFd release() noexcept;

    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    void ready(std::uint32_t events) noexcept override;
    void watch(std::uint32_t events) noexcept;
    [[nodiscard]] IoResult failed(int error) noexcept;

    Poller& poller_;
    SocketListener& listener_;
    UniqueFd fd_;
    int error_ = 0;              // what broke the connection, if it was not the peer's end
    std::uint32_t watched_ = 0;  // epoll's interest; 0 while not registered
    bool receivable_ = true;     // an edge came and the source was not seen dry since
    bool sendable_;
    bool peer_ended_ = false;  // an edge said that no more will come: a short read is not the last
    bool send_ended_ = false;  // by us
    bool broken_ = false;
};

/// TCP_NODELAY: what is written is meant to leave.
void send_at_once(int fd) noexcept;

/// Makes closing reset the connection (SO_LINGER of 0), so that its peer cannot take what it has
/// for a whole message.
void reset_on_close(int fd) noexcept;

/// Finds out about an origin that vanished: probes after 30 idle seconds, every 10, three times;
/// and gives up on bytes not acknowledged within `unacknowledged` (RFC 5482), and so on a peer that
/// lives but has its window closed for so long: Linux asks of one what RFC 5482 does of the other.
/// Zero leaves both to the system, which gives up only what it does not hear of, within minutes.
void detect_dead_peer(int fd, Duration unacknowledged) noexcept;

/// Has a socket take only so many bytes that wait for the window (TCP_NOTSENT_LOWAT): what comes
/// after them stays in our hands, where it can still be put in another order.
void limit_unsent(int fd, std::size_t bytes) noexcept;

/// The other end of a connected socket; nothing if it is not TCP or already gone.
std::optional<Endpoint> peer_of(int fd) noexcept;

}  // namespace nikawa::net
