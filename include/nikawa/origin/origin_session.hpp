#pragma once

#include <cstddef>
#include <cstdint>
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

protected:
    ~SessionListener() = default;
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

    /// How many streams are open.
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
};

}  // namespace nikawa::origin
