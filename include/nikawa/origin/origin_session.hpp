#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "nikawa/net/dialer.hpp"
#include "nikawa/origin/origin_stream.hpp"

namespace nikawa::origin {

class OriginSession;

/// The move-only right to use one stream; gives its capacity back when destroyed.
class StreamLease {
public:
    StreamLease() = default;
    explicit StreamLease(OriginStream& stream) : stream_(&stream) {}
    StreamLease(StreamLease&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
    StreamLease& operator=(StreamLease&& other) noexcept {
        std::swap(stream_, other.stream_);
        return *this;
    }
    ~StreamLease() { reset(); }

    void reset() noexcept {
        if (stream_ != nullptr) std::exchange(stream_, nullptr)->release();
    }

    [[nodiscard]] explicit operator bool() const { return stream_ != nullptr; }
    OriginStream* operator->() const { return stream_; }
    OriginStream& operator*() const { return *stream_; }

private:
    OriginStream* stream_ = nullptr;
};

/// Told what happens on a session; the pool. Called outside any library's callback, and never from
/// within a call into the session other than the release of a stream.
class SessionListener {
public:
    /// The session's `capacity()` may have changed.
    virtual void capacity_changed(OriginSession& session) noexcept = 0;

    /// The origin has sent something, for the first time since `call_when_heard()`.
    virtual void heard(OriginSession& session) noexcept = 0;

protected:
    ~SessionListener() = default;
};

/// Why a session takes no more streams.
enum class SessionEnd : std::uint8_t {
    none,         ///< it does take streams, or will
    ours,         ///< drained or closed by its owner
    idle_closed,  ///< the origin closed it, or sent what nobody asked for, while it had no stream
    limit,        ///< the origin said so: GOAWAY(NO_ERROR), or `Connection: close` in a response
    calm,         ///< the origin found us too busy: GOAWAY(ENHANCE_YOUR_CALM), RFC 9113 §7
    http_1_1,     ///< the origin wants the other version: GOAWAY(HTTP_1_1_REQUIRED), RFC 9113 §7
    broken,       ///< the transport or the protocol failed
    taken_over,   ///< it is somebody's connection now (OriginStream::take_over())
};

/// Our connection to an origin with what speaks HTTP on it.
///
/// Owned by whoever awaits `run()`. It outlives its streams: when its transport fails it first
/// fails every stream, then waits until their holders have let go, then `run()` returns.
class OriginSession {
public:
    OriginSession() = default;
    OriginSession(const OriginSession&) = delete;
    OriginSession& operator=(const OriginSession&) = delete;
    virtual ~OriginSession() = default;

    /// How many more streams may be opened now; 0 for a session that is busy, draining or dead.
    [[nodiscard]] virtual std::size_t capacity() const = 0;

    /// How many streams it can carry at once: 1 over HTTP/1.1, the peer's limit over HTTP/2.
    [[nodiscard]] virtual std::size_t max_streams() const = 0;

    /// How many streams are open; one that was taken over is none any more.
    [[nodiscard]] virtual std::size_t streams() const = 0;

    /// Whether it will never take another stream.
    [[nodiscard]] virtual bool is_retired() const = 0;

    /// Opens a stream; only while `capacity()` is not 0.
    virtual StreamLease open_stream(const StreamTimeouts& timeouts) = 0;

    /// Takes no more streams; ends when the last one has.
    virtual void drain() noexcept = 0;

    /// Ends at once; streams fail with `why`.
    virtual void close(const Failure& why) noexcept = 0;

    /// Serves the session until it has ended and no stream is left. Awaited once, by its owner.
    virtual Task<void> run(SessionListener& listener) = 0;

    [[nodiscard]] virtual net::Protocol protocol() const = 0;
    [[nodiscard]] virtual const std::string& peer_address() const = 0;

    /// When it last became idle, or was made.
    [[nodiscard]] virtual TimePoint idle_since() const = 0;

    /// When the origin last sent anything (over HTTP/2 the answer to a PING, too), or it was made.
    [[nodiscard]] virtual TimePoint last_heard() const = 0;

    /// Whether the origin has ever begun to answer a request on it.
    [[nodiscard]] virtual bool has_answered() const = 0;

    /// How it stands with the path to the origin: one system call.
    [[nodiscard]] virtual net::PathReport path() const = 0;

    /// Asks the origin for a sign of life: by PING over HTTP/2 (RFC 9113 §6.7), one at a time, by
    /// TCP over HTTP/1.1. No exchange waits for it.
    virtual void probe() = 0;

    /// Has the listener told when the origin sends anything from now on.
    virtual void call_when_heard() = 0;

    /// The path is in doubt: who waits for a response head now, on a stream of which nothing has
    /// come and whose request is not held up in `send_body()`, gets `path_in_doubt` from that call,
    /// and may call again and go on waiting. No timeout begins anew by that.
    virtual void doubt() noexcept = 0;

    /// Why it takes no more streams.
    [[nodiscard]] virtual SessionEnd end_cause() const = 0;

    /// How long the origin says that it keeps an idle connection (`Keep-Alive: timeout=`).
    [[nodiscard]] virtual std::optional<Duration> advertised_idle_limit() const {
        return std::nullopt;
    }

    /// Whether the origin has shown that it takes part; only requests that may be repeated should
    /// be sent before (RFC 8470 §3).
    [[nodiscard]] virtual bool is_confirmed() const = 0;
};

}  // namespace nikawa::origin
