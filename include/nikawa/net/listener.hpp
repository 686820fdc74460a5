#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "nikawa/loop/deadline_queue.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/tcp_stream.hpp"

namespace nikawa::net {

/// Opens a listening TCP socket on an IPv4 or IPv6 address; port 0 lets the system choose.
/// Throws std::runtime_error: "cannot listen on 0.0.0.0:3000: Address already in use".
UniqueFd listen_on(const std::string& address, std::uint16_t port);

/// Where a socket is bound; nothing if it is not of IPv4 or IPv6.
std::optional<Endpoint> local_endpoint(int fd);

/// Accepts connections from a listening socket and hands them to `accepted`, in batches and within
/// a turn. When the process runs out of descriptors it makes room, or refuses with a descriptor
/// kept in reserve, and pauses where that cannot be instead of spinning.
class Listener final : private Pollable, private loop::TurnFlush, private loop::Expirable {
public:
    using Accepted = std::function<void(std::unique_ptr<TcpStream>)>;

    /// What is done for a connection that finds no descriptor.
    struct Shortage {
        std::function<bool()> make_room = [] { return false; };  ///< closes what is idle, if it can
        Accepted refuse = {};  ///< answers and closes the connection before it returns
    };

    /// Takes over a socket that listens already: opened by `listen_on()`, or inherited. Throws
    /// std::runtime_error if it is not one.
    Listener(EventLoop& event_loop, UniqueFd fd, Accepted accepted);
    Listener(EventLoop& event_loop, UniqueFd fd, Accepted accepted, Shortage shortage);
    ~Listener() override;

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
    std::unique_ptr<TcpStream> accept() noexcept;
    void accept_with_reserve() noexcept;

    EventLoop& event_loop_;
    UniqueFd fd_;
    Accepted accepted_;
    Shortage shortage_;
    UniqueFd reserve_;  // open as long as it is not needed
    loop::Watchdog pause_ends_;
};

}  // namespace nikawa::net
