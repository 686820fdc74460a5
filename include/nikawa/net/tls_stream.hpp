#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "nikawa/base/result.hpp"
#include "nikawa/net/byte_stream.hpp"
#include "nikawa/net/dialer.hpp"
#include "nikawa/net/endpoint.hpp"
#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/socket.hpp"

struct ssl_st;

namespace nikawa::net {

class EarlyData;

/// TLS over a TCP socket as a `ByteStream`, made by a `TlsContext` or a `TlsServerContext`.
///
/// A thin layer: OpenSSL reads ahead from the socket in big pieces, a read gives all records that
/// are there, and a write packs small pieces into one record. `end` is the peer's close_notify; a
/// connection that ends without one was cut off, and reading fails (RFC 8446 §6.1).
class TlsStream final : public ByteStream, private SocketListener {
public:
    /// Takes over `ssl`, set up but for its transport. `session_key` is what `ssl`'s context files
    /// the peer's sessions under.
    TlsStream(EventLoop& event_loop,
              UniqueFd fd,
              const Endpoint& peer,
              ssl_st* ssl,
              std::string session_key);
    ~TlsStream() override;

    /// Before anything else, once. Errors: tls_failed, tls_certificate_rejected, tls_timed_out.
    Task<Result<void>> handshake(Deadline deadline);

    /// Instead of `handshake()`, where the session to be resumed allows early data (RFC 8446 §2.3);
    /// false where it does not. The stream can be written at once, up to the session's limit, and
    /// whatever is written may be replayed. The handshake goes on beside it, driven by whoever
    /// waits to read, and ends by the deadline. What the server rejects is sent again after it; if
    /// it fails, or the server now chooses another protocol, the stream fails: the server has acted
    /// on nothing.
    bool begin_early(Deadline deadline);

    /// What ALPN chose; HTTP/1.1 if it chose nothing. Before the handshake beside early data has
    /// ended, what it chose before.
    [[nodiscard]] Protocol protocol() const noexcept;

    /// Whether the handshake resumed an earlier session; beside early data it is taken to.
    [[nodiscard]] bool is_resumed() const noexcept;

    IoResult try_read(MutableBytes into) noexcept override;

    /// After `would_block` the next call starts with the same bytes; more may follow them.
    IoResult try_write(std::span<const Bytes> pieces) noexcept override;

    void watch_peer(PeerCloseListener* listener) override;
    void shutdown_send() noexcept override;
    [[nodiscard]] bool has_half_close() const noexcept override { return false; }
    void close() noexcept override;
    void abort() noexcept override;
    [[nodiscard]] PathReport path() const noexcept override { return socket_.path(); }
    void probe_path(bool on) noexcept override { socket_.probe_path(on); }
    void bear_full_window() noexcept override { socket_.bear_full_window(); }
    [[nodiscard]] bool is_confirmed() const noexcept override;
    [[nodiscard]] std::string peer_address() const override { return peer_.to_string(); }

private:
    /// What the socket must be for a direction to go on; `nothing`: it may go on now.
    enum class Need : std::uint8_t { nothing, readable, writable };

    struct Direction {
        Need need = Need::nothing;
        bool armed = false;  // notify when the need is met
    };

    void arm_readable() override { arm(reading_, readable_); }
    void arm_writable() override { arm(writing_, writable_); }
    void arm(Direction& direction, loop::Event& event);
    static void meet(Direction& direction,
                     loop::Event& event,
                     bool readable,
                     bool writable) noexcept;
    void socket_ready(bool readable, bool writable) noexcept override;
    [[nodiscard]] bool is_peer_gone() noexcept;
    /// Says what stopped the last call: a need, noted in `direction`, or the end or a failure.
    IoResult stopped(int result, Direction& direction) noexcept;
    /// The peer's alert, if it sent one before writing failed; else `stop`.
    IoResult last_words(const IoResult& stop) noexcept;
    /// Goes on with the handshake beside early data. Nothing: it is over, the stream is like any.
    std::optional<IoResult> go_on_early(Direction& direction) noexcept;
    IoResult write_early(std::span<const Bytes> pieces) noexcept;
    IoResult fail_early(boost::system::error_code error) noexcept;
    [[nodiscard]] Side side() const noexcept;
    [[nodiscard]] Failure handshake_failure(const IoResult& stop) const noexcept;
    void send_close_notify() noexcept;
    void end_tls() noexcept;

    struct FreeSsl {
        void operator()(ssl_st* ssl) const noexcept;
    };

    loop::Loop& loop_;
    Socket socket_;
    std::unique_ptr<ssl_st, FreeSsl> ssl_;
    Endpoint peer_;
    std::string session_key_;
    Direction reading_;
    Direction writing_;
    std::optional<IoResult> over_;      // the end or the failure: nothing can be read any more
    bool broken_ = false;               // beyond a close_notify
    std::unique_ptr<EarlyData> early_;  // until the handshake beside it has ended well
    PeerCloseListener* peer_listener_ = nullptr;
};

}  // namespace nikawa::net
