#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>

#include "demo/loopback_socket.hpp"
#include "nikawa/base/bytes.hpp"

namespace nikawa::demo {

/// One end of a loopback connection whose calls wait; for 20 s at most, so that no test hangs.
class BlockingPeer {
public:
    static BlockingPeer connected_to(std::uint16_t port) {
        return BlockingPeer{begin_connect(port)};
    }

    static BlockingPeer accepted_by(const net::UniqueFd& listener) {
        std::array polled{pollfd{listener.get(), POLLIN, 0}};
        wait_for(polled, std::chrono::steady_clock::now() + std::chrono::seconds{20});
        return BlockingPeer{accept_from(listener)};
    }

    void send(Bytes bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    /// That many bytes, or fewer when the peer ends; `error()` says if it was not an orderly end.
    std::string receive(std::size_t bytes) {
        std::string all(bytes, '\0');
        std::size_t at = 0;
        while (at < bytes) {
            const auto got = ::recv(socket_.get(), all.data() + at, bytes - at, 0);
            error_ = got < 0 ? errno : 0;
            if (got <= 0) break;
            at += static_cast<std::size_t>(got);
        }
        all.resize(at);
        return all;
    }

    [[nodiscard]] int error() const { return error_; }

    void end() { ::shutdown(socket_.get(), SHUT_WR); }

    void reset() {
        const linger at_once{1, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        socket_.reset();
    }

    [[nodiscard]] int fd() const { return socket_.get(); }

private:
    explicit BlockingPeer(net::UniqueFd socket) : socket_(std::move(socket)) {
        ::fcntl(socket_.get(), F_SETFL, 0);
        const timeval limit{20, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }

    net::UniqueFd socket_;
    int error_ = 0;
};

}  // namespace nikawa::demo
