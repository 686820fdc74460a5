#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "nikawa/client/client_exchange.hpp"
#include "nikawa/http/h1_head_parser.hpp"
#include "nikawa/net/byte_stream.hpp"

namespace nikawa::client {

/// What a client may do. Durations bound inactivity; zero is no limit.
struct ClientLimits {
    http::HeadLimits head;
    std::uint64_t body_bytes = 0;  ///< of a request; 0 is no limit. Beyond it: 413
    Duration head_timeout{};       ///< from the first byte of a head to its end
    Duration idle_timeout{};       ///< between two requests on a connection
    Duration read_timeout{};       ///< until the next bytes of a request body
    Duration write_timeout{};      ///< until the client takes the next bytes of a response
};

/// Told when a connection begins or ends to be idle: between two requests, or before the first,
/// with nothing of the next one there.
class IdleListener {
public:
    virtual void became_idle() noexcept = 0;
    virtual void became_busy() noexcept = 0;

protected:
    ~IdleListener() = default;
};

/// One connection from a client: reads requests and answers them through a `RequestHandler`, one at
/// a time and in order, over HTTP/1.1 and 1.0 (RFC 9112).
///
/// A client that ends its side after a request is served all the same, as it may still read; one
/// that is gone altogether is told to the exchange.
///
/// The coroutine that awaits `run()` owns it. Pipelined requests wait in the connection's buffer.
class ClientConnection {
public:
    ClientConnection(loop::Loop& loop,
                     std::unique_ptr<net::ByteStream> stream,
                     RequestHandler& handler,
                     const ClientLimits& limits,
                     IdleListener* idle_listener = nullptr);
    ClientConnection(const ClientConnection&) = delete;
    ClientConnection& operator=(const ClientConnection&) = delete;
    ~ClientConnection();

    /// Serves until the connection is closed. Errors are answered where they can be and end it.
    Task<void> run();

    /// Closes when the exchange in progress, if any, is done; an idle connection closes at once.
    void drain() noexcept;

    /// Cuts the connection off.
    void close() noexcept;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::client
