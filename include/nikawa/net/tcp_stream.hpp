#pragma once

#include <memory>
#include <span>
#include <string>

#include "nikawa/net/byte_stream.hpp"
#include "nikawa/net/endpoint.hpp"
#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/socket.hpp"

namespace nikawa::net {

/// A connected TCP socket as a `ByteStream`.
class TcpStream final : public ByteStream, private SocketListener {
public:
    /// Takes over a connected, non-blocking socket.
    TcpStream(EventLoop& event_loop, UniqueFd fd, const Endpoint& peer);

    /// The same, asking the socket who its peer is.
    TcpStream(EventLoop& event_loop, UniqueFd fd);

    IoResult try_read(MutableBytes into) noexcept override { return socket_.receive(into); }
    IoResult try_write(std::span<const Bytes> pieces) noexcept override {
        return socket_.send(pieces);
    }
    void watch_peer(PeerCloseListener* listener) override;
    void shutdown_send() noexcept override { socket_.shutdown_send(); }
    void close() noexcept override;
    void abort() noexcept override;
    [[nodiscard]] PathReport path() const noexcept override { return socket_.path(); }
    void probe_path(bool on) noexcept override { socket_.probe_path(on); }
    void bear_full_window() noexcept override { socket_.bear_full_window(); }

    /// Gives the socket away, for another thread's loop; the stream is of no more use.
    [[nodiscard]] UniqueFd release() noexcept { return socket_.release(); }
    [[nodiscard]] std::string peer_address() const override { return peer_.to_string(); }
    [[nodiscard]] const Endpoint& peer() const noexcept { return peer_; }

private:
    void arm_readable() override;
    void arm_writable() override;
    void socket_ready(bool readable, bool writable) noexcept override;

    Socket socket_;
    Endpoint peer_;
    PeerCloseListener* peer_listener_ = nullptr;
    bool end_told_ = false;  // to this listener
    bool readable_armed_ = false;
    bool writable_armed_ = false;
};

}  // namespace nikawa::net
