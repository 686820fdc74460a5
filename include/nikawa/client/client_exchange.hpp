#pragma once

#include <cstdint>
#include <string_view>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/result.hpp"
#include "nikawa/base/time.hpp"
#include "nikawa/http/body_framing.hpp"
#include "nikawa/loop/task.hpp"
#include "nikawa/net/tunnel_end.hpp"

namespace nikawa::client {

/// One request from a client and the response to it, as its handler sees them. Lives while
/// `RequestHandler::handle()` runs.
///
/// One coroutine may receive the request body while another sends the response. Every failure here
/// has side client and means that the client can no longer be served.
class ClientExchange {
public:
    ClientExchange() = default;
    ClientExchange(const ClientExchange&) = delete;
    ClientExchange& operator=(const ClientExchange&) = delete;

    /// The request; the handler's to rewrite in place.
    virtual http::RequestHead& head() = 0;

    /// How the request body ends: `NoBody`, `Sized` or `Chunked`.
    [[nodiscard]] virtual const http::BodyFraming& request_framing() const = 0;

    /// The client's address without its port: "192.0.2.7". Valid during the exchange.
    [[nodiscard]] virtual std::string_view client_address() const = 0;

    /// When the first byte of the head was read.
    [[nodiscard]] virtual TimePoint started_at() const = 0;

    /// The next piece of the request body, valid until the next call; empty at the end. A client
    /// that expects it is first told 100 Continue (RFC 9110 §10.1.1). It may pause for as long as
    /// it likes once the response has begun: that may be what it listens to.
    /// Errors: client_gone, request_body_timed_out, bad_framing, abandoned after
    /// `interrupt_receive()`.
    virtual Task<Result<Bytes>> receive_body() = 0;

    /// Whether the piece given last ends the body, as far as is known without waiting. Over HTTP/2
    /// it is the stream that ends it, and trailers may follow a body of known size, too.
    [[nodiscard]] virtual bool was_last_piece() const = 0;

    /// Tells a client that waits for it to go on and send the body: before a stream is waited for,
    /// which may take a dial. `receive_body()` does it otherwise.
    virtual void ask_for_body() = 0;

    /// Makes a waiting `receive_body()` return `abandoned`; nothing is lost, the next call goes on.
    virtual void interrupt_receive() noexcept = 0;

    /// The trailer section; complete when `receive_body()` has given the end.
    virtual http::FieldBlock& request_trailers() = 0;

    /// Sends an interim response (1xx) at once; nothing to a client of HTTP/1.0 (RFC 9110 §15.2).
    /// Suspends while the client takes nothing: an origin may have any number of them.
    virtual Task<Result<void>> send_interim(const http::ResponseHead& head) = 0;

    /// Begins the final response. The head leaves with the first piece of the body, with the end,
    /// or with `flush()`: a small response is one write. Nothing of `head` is kept.
    /// `framing` is the origin's. A body of unknown length is chunked for a client of HTTP/1.1, so
    /// that the connection stays and a cut shows, and lasts until the close for one of 1.0.
    virtual void begin_response(const http::ResponseHead& head,
                                const http::BodyFraming& framing) = 0;

    /// What was sent leaves, in this turn at the latest; over HTTP/1.1 suspends until the socket
    /// has taken it.
    virtual Task<Result<void>> flush() = 0;

    /// Suspends until the socket, or the window of the client's stream, has taken all of `bytes`.
    /// Errors: client_gone, write_timed_out, for which time runs from the last byte either way.
    virtual Task<Result<void>> send_body(Bytes bytes) = 0;

    /// The same for the last piece (may be empty): `bytes`, the end of the message and `trailers`.
    virtual Task<Result<void>> finish_response(Bytes bytes, const http::FieldBlock& trailers) = 0;

    /// The connection ends after the response, which is still to begin and says so, and over HTTP/2
    /// after those to all requests that have come.
    virtual void close_after_response() = 0;

    /// Whether `begin_response()` was called.
    [[nodiscard]] virtual bool has_response_begun() const = 0;

    /// Whether the connection can become a tunnel: not one of HTTP/2.
    [[nodiscard]] virtual bool can_tunnel() const { return false; }

    /// Sends `head`, the 2xx answer to CONNECT or 101, and makes a tunnel of the connection
    /// (RFC 9110 §9.3.6, §7.8): its bytes are no HTTP any more, those behind the request's head
    /// first. Only while `can_tunnel()` and once the request body has been received, in place of
    /// `begin_response()`. The stream is the exchange's for as long as this lives; the connection
    /// closes when the handler returns. A peer that ends its side is not told to `watch_client()`'s
    /// listener any more: whoever reads sees that.
    virtual Task<Result<net::TunnelEnd>> open_tunnel(const http::ResponseHead& /*head*/) {
        co_return Failure{Errc::tunnel_refused, Side::client};
    }

    /// The response cannot be completed: the connection is cut, over HTTP/2 the stream reset with a
    /// code that says why, so that the client sees a broken transfer and never a complete one
    /// (RFC 9112 §8).
    virtual void break_off(const Failure& why) noexcept = 0;

    /// Asks to be told when the client is gone while nobody receives; nullptr ends it. One that has
    /// only ended its side after the request is not gone.
    virtual void watch_client(net::PeerCloseListener* listener) = 0;

    /// Why the client can no longer be served, once its listener was told that it is gone.
    [[nodiscard]] virtual Failure why_gone() const { return {Errc::client_gone, Side::client}; }

    /// Body bytes received from, and sent to, the client so far.
    [[nodiscard]] virtual std::uint64_t request_bytes() const = 0;
    [[nodiscard]] virtual std::uint64_t response_bytes() const = 0;

protected:
    ~ClientExchange() = default;
};

/// Who answers requests. `client` calls it and does not know what is behind it.
class RequestHandler {
public:
    /// Answers the request: sends one whole response, or breaks it off.
    virtual Task<void> handle(ClientExchange& exchange) = 0;

    /// Answers a request that could not be read (its head may be incomplete or empty); the
    /// connection closes afterwards.
    virtual Task<void> refuse(ClientExchange& exchange, const Failure& failure) = 0;

protected:
    ~RequestHandler() = default;
};

}  // namespace nikawa::client
