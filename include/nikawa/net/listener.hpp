#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "nikawa/loop/deadline_queue.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/tcp_stream.hpp"

namespace nikawa::net {

/// Opens a listening TCP socket on an IPv4 or IPv6 address; port 0 lets the system choose.
/// Throws std::runtime_error: "cannot listen on 0.0.0.0:3000: Address already in use".
UniqueFd listen_on(const std::string& address, std::uint16_t port);

/// Accepts connections from a listening socket and hands them to `accepted`, in batches and within
/// a turn. When the process runs out of descriptors it pauses instead of spinning.
class Listener final : private Pollable, private loop::TurnFlush, private loop::Expirable {
public:
    using Accepted = std::function<void(std::unique_ptr<TcpStream>)>;

    /// Takes over a socket that listens already: opened by `listen_on()`, or inherited. Throws
    /// std::runtime_error if it is not one.
    Listener(EventLoop& event_loop, UniqueFd fd, Accepted accepted);
    ~Listener();

    /// Stops accepting and closes the socket.
    void close() noexcept;

    /// The address in words, with the port the system chose.
    [[nodiscard]] std::string address() const;
    [[nodiscard]] std::uint16_t port() const;

private:
    void ready(std::uint32_t events) noexcept override;
    void flush() noexcept override;
    void expire() noexcept override;
    void pause() noexcept;

    EventLoop& event_loop_;
    UniqueFd fd_;
    Accepted accepted_;
    loop::Watchdog pause_ends_;
};

}  // namespace nikawa::net
