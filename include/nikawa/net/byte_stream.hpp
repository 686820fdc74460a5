#pragma once

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "nikawa/base/bytes.hpp"
#include "nikawa/loop/loop.hpp"

namespace nikawa::net {

/// How far a non-blocking read or write came.
struct IoResult {
    enum class State : std::uint8_t {
        done,         ///< `bytes` were moved, at least one
        would_block,  ///< nothing now: wait, then try again
        end,          ///< reading: the peer has orderly ended its side (over TLS: close_notify)
        failed,       ///< the transport is broken or closed; `error` says why
    };

    State state;
    std::size_t bytes = 0;
    boost::system::error_code error = {};
};

/// What the transport itself knows of the way to its peer (over TCP: from TCP_INFO).
struct PathReport {
    bool is_waiting = false;  ///< something was sent that the peer has not acknowledged
    Duration silence{};       ///< since the peer last sent or acknowledged anything
};

/// Told that the peer has hung up, while nobody reads.
class PeerCloseListener {
public:
    /// The connection is of no more use; told once.
    virtual void peer_closed() noexcept = 0;

    /// The peer has ended its side orderly, which is all that a FIN says: whether it still reads
    /// shows when something is written, and `peer_closed()` may follow. Told once.
    virtual void peer_ended() noexcept { peer_closed(); }

protected:
    ~PeerCloseListener() = default;
};

/// A connection as bytes, over TCP, TLS or in memory; the seam where tests put a scripted peer.
///
/// Reading and writing are plain non-blocking calls; a coroutine waits only when one would block.
/// One coroutine may wait to read while another waits to write. Not thread-safe.
class ByteStream {
public:
    explicit ByteStream(loop::Loop& loop) : readable_(loop), writable_(loop) {}
    ByteStream(const ByteStream&) = delete;
    ByteStream& operator=(const ByteStream&) = delete;
    virtual ~ByteStream() = default;

    /// Reads what is there into `into` (not empty), as much as fits. After a `done` that did not
    /// fill `into`, the source was dry: waiting at once is right and trying again is a waste.
    virtual IoResult try_read(MutableBytes into) noexcept = 0;

    /// Writes the pieces in order; `bytes` may end in the middle of one.
    virtual IoResult try_write(std::span<const Bytes> pieces) noexcept = 0;

    /// Suspends until reading may come further, or the stream is closed or its `wake()` called.
    /// May wake for nothing.
    [[nodiscard]] loop::Event::Awaiter wait_readable() {
        arm_readable();
        return readable_.wait();
    }

    /// The same for writing.
    [[nodiscard]] loop::Event::Awaiter wait_writable() {
        arm_writable();
        return writable_.wait();
    }

    /// Wakes whoever waits on this stream without anything having happened: used by a watchdog
    /// after it has recorded why.
    void wake() noexcept {
        readable_.notify();
        writable_.notify();
    }

    /// Asks to be told when the peer hangs up while nobody reads; nullptr ends it. Over TLS an end
    /// of input is told as `peer_closed()`: TLS has no half-closed connection.
    virtual void watch_peer(PeerCloseListener* listener) = 0;

    /// Ends our side orderly (FIN, over TLS close_notify first); reading goes on.
    virtual void shutdown_send() noexcept = 0;

    /// Whether a peer that has ended its side may still read. Over TLS it does not count on it.
    [[nodiscard]] virtual bool has_half_close() const noexcept { return true; }

    /// Ends both sides and wakes who waits; later calls of `try_read` and `try_write` fail.
    virtual void close() noexcept = 0;

    /// Ends both sides with a TCP reset, so that the peer cannot take what it has for a whole
    /// message.
    virtual void abort() noexcept { close(); }

    /// How it stands with the path right now: one system call. Nothing is known by default.
    [[nodiscard]] virtual PathReport path() const noexcept { return {}; }

    /// Makes the transport ask its peer for a sign of life within seconds (over TCP by keepalive
    /// probes, RFC 9293 §3.8.4), which then shows in `path()`; false ends it.
    virtual void probe_path(bool /*on*/) noexcept {}

    /// Has a peer that takes nothing, and says so, kept for as long as it likes. Until then TCP may
    /// give it up for that (see `detect_dead_peer()`), and afterwards only one that is not heard
    /// of.
    virtual void bear_full_window() noexcept {}

    /// Whether the peer has shown that it takes part: not yet while a TLS handshake goes on beside
    /// early data, which may be replayed (RFC 8446 §8).
    [[nodiscard]] virtual bool is_confirmed() const noexcept { return true; }

    /// The peer's address for people: "192.0.2.1:443", "[2001:db8::1]:443".
    [[nodiscard]] virtual std::string peer_address() const = 0;

protected:
    /// Arranges that `readable_` is notified once there may be something to read. Called again
    /// before that, it changes nothing.
    virtual void arm_readable() = 0;
    virtual void arm_writable() = 0;

    loop::Event readable_;
    loop::Event writable_;
};

}  // namespace nikawa::net
