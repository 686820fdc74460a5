#include "nikawa/net/tcp_stream.hpp"

#include <utility>

namespace nikawa::net {

TcpStream::TcpStream(EventLoop& event_loop, UniqueFd fd, const Endpoint& peer)
    : ByteStream(event_loop.loop()),
      socket_(event_loop.poller(), std::move(fd), *this),
      peer_(peer) {}

TcpStream::TcpStream(EventLoop& event_loop, UniqueFd fd)
    : ByteStream(event_loop.loop()),
      socket_(event_loop.poller(), std::move(fd), *this),
      peer_(peer_of(socket_.fd()).value_or(Endpoint{})) {}

void TcpStream::watch_peer(PeerCloseListener* listener) {
    peer_listener_ = listener;
    end_told_ = false;
    if (listener != nullptr) socket_.tell_again();
}

void TcpStream::close() noexcept {
    peer_listener_ = nullptr;
    socket_.close();
    wake();
}

void TcpStream::abort() noexcept {
    reset_on_close(socket_.fd());
    close();
}

void TcpStream::arm_readable() {
    if (socket_.want_readable()) {
        readable_.notify();
    } else {
        readable_armed_ = true;
    }
}

void TcpStream::arm_writable() {
    if (socket_.want_writable()) {
        writable_.notify();
    } else {
        writable_armed_ = true;
    }
}

void TcpStream::socket_ready(bool readable, bool writable) noexcept {
    const bool somebody_reads = readable_.has_waiter();
    if (readable && std::exchange(readable_armed_, false)) readable_.notify();
    if (writable && std::exchange(writable_armed_, false)) writable_.notify();
    if (!readable || somebody_reads || peer_listener_ == nullptr) return;
    if (socket_.is_broken()) {
        std::exchange(peer_listener_, nullptr)->peer_closed();
    } else if (socket_.is_peer_gone() && !std::exchange(end_told_, true)) {
        peer_listener_->peer_ended();
    }
}

}  // namespace nikawa::net
