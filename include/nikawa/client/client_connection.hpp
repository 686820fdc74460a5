#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "nikawa/base/memory_budget.hpp"
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
    Duration read_timeout{};       ///< until the next bytes of a request body, or the response
    Duration write_timeout{};      ///< until the client takes the next bytes of a response
    /// Longest lingering close (RFC 9112 §9.6): until the client has sent what it still sends.
    Duration linger = std::chrono::seconds{30};

    // Over HTTP/2 alone
    std::uint32_t max_streams = 128;  ///< of a connection at once
    /// Unread bytes that a client may send on a stream; of one whose handler keeps up, the second.
    std::size_t first_stream_window = std::size_t{64} * 1024;
    std::size_t stream_window = std::size_t{1024} * 1024;
    MemoryBudget* memory = nullptr;      ///< where unread bodies are counted; may be nullptr
    std::string_view unindexed_field{};  ///< of responses, never the same: kept out of HPACK
};

/// Told when a connection begins or ends to be idle: between two requests, or before the first,
/// with nothing of the next one there; over HTTP/2 while no stream is open.
class IdleListener {
public:
    virtual void became_idle() noexcept = 0;
    virtual void became_busy() noexcept = 0;

protected:
    ~IdleListener() = default;
};

/// One connection from a client: reads requests and answers them through a `RequestHandler`, one at
/// a time and in order, over HTTP/1.1 and 1.0 (RFC 9112); or, when it begins with the preface of
/// HTTP/2 (RFC 9113 §3.3), many at once, each in a task of its own.
///
/// A client that ends its side after a request is served all the same, as it may still read; one
/// that is gone altogether is told to the exchange.
///
/// The coroutine that awaits `run()` owns it. Pipelined requests wait in the connection's buffer.
class ClientConnection {
public:
    /// `handler`, `limits` and `idle_listener` outlive it.
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

    /// Closes when the exchanges in progress, if any, are done; an idle connection closes at once.
    void drain() noexcept;

    /// Cuts the connection off.
    void close() noexcept;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::client
