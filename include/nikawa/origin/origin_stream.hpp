#pragma once

#include <optional>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/result.hpp"
#include "nikawa/base/time.hpp"
#include "nikawa/http/body_framing.hpp"
#include "nikawa/loop/task.hpp"
#include "nikawa/net/tunnel_end.hpp"

namespace nikawa::origin {

/// How long a stream waits for its origin, and for room to send to it. Each bounds inactivity, not
/// a whole transfer. Zero is no limit.
struct StreamTimeouts {
    Duration response_head{};  ///< from the end of the request to the (next) response head
    Duration response_body{};  ///< between two pieces of the response body
    Duration write{};          ///< until the origin takes the next bytes of the request
};

/// One request and its response on a session to an origin: an HTTP/1.1 connection for the time of
/// one exchange, or one HTTP/2 stream.
///
/// The caller pulls the response, so a slow client slows the origin by itself: over HTTP/2 a
/// piece's bytes return to the flow-control window when the next one is asked for (RFC 9113 §5.2).
/// One coroutine may send while another receives. The session outlives its streams.
class OriginStream {
public:
    OriginStream() = default;
    OriginStream(const OriginStream&) = delete;
    OriginStream& operator=(const OriginStream&) = delete;

    /// Starts the request; never waits, the head leaves at the end of the turn. `head` has the
    /// origin's Host and no connection-specific fields; nothing of it is kept. With `NoBody` or
    /// `Sized{0}` the request is complete.
    /// Errors: stream_refused when the session takes no more requests (nothing was sent).
    virtual Result<void> send_head(const http::RequestHead& head,
                                   const http::BodyFraming& framing) = 0;

    /// Suspends until the transport or the peer's window has taken all of `bytes`.
    /// Errors: those of `receive_head()`, write_timed_out.
    virtual Task<Result<void>> send_body(Bytes bytes) = 0;

    /// The same for the last piece (may be empty): `bytes`, the end of the body and `trailers`,
    /// which over HTTP/1.1 follow no body of known size (RFC 9112 §7.1.2). Over HTTP/2 a body
    /// that has any bytes ends by this alone.
    virtual Task<Result<void>> finish_body(Bytes bytes, const http::FieldBlock& trailers) = 0;

    /// The next response head: interim ones (1xx) first, each by a call of its own, then the final
    /// one; a 101, which only a request with an Upgrade may bring, is final. It lives in the stream
    /// until the next call or the stream's end, and is the caller's to rewrite. Errors:
    /// peer_closed, stream_reset, malformed, response_head_too_large, response_head_timed_out,
    /// abandoned; path_in_doubt (the stream goes on, and so may the call: see
    /// `OriginSession::doubt()`); stream_refused and stream_declined when the origin has certainly
    /// not acted on the request and it may be sent again (RFC 9113 §8.7), http_1_1_required when it
    /// may over HTTP/1.1.
    virtual Task<Result<http::ResponseHead*>> receive_head() = 0;

    /// How the body of the final response ends.
    [[nodiscard]] virtual http::BodyFraming response_framing() const = 0;

    /// Whether `receive_body()` would give something without waiting.
    [[nodiscard]] virtual bool has_body_ready() const = 0;

    /// The next piece of the body, valid until the next call; empty at the end of the message.
    /// Errors: as `receive_head()`, response_body_timed_out. After one the message is broken.
    virtual Task<Result<Bytes>> receive_body() = 0;

    /// Whether the piece given last ends the message, as far as is known without waiting: it can be
    /// passed on together with the end.
    [[nodiscard]] virtual bool was_last_piece() const = 0;

    /// The trailer section; complete when `receive_body()` has given the end.
    virtual http::FieldBlock& response_trailers() = 0;

    /// Whether bytes of a response have arrived, interim ones included.
    [[nodiscard]] virtual bool has_response_begun() const = 0;

    /// After a 101 (RFC 9110 §7.8) over HTTP/1.1: the connection as bytes, until the lease ends,
    /// and the connection with it. Nothing over HTTP/2.
    virtual std::optional<net::TunnelEnd> take_over() { return std::nullopt; }

    /// Gives up, in any state and as often as you like; who waits on the stream gets `why`.
    virtual void abandon(const Failure& why) noexcept = 0;

protected:
    friend class StreamLease;
    virtual ~OriginStream() = default;

    /// The holder is done: an unfinished stream is abandoned, capacity goes back to the session.
    /// The stream is not used again.
    virtual void release() noexcept = 0;
};

}  // namespace nikawa::origin
