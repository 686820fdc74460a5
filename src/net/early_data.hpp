#pragma once

#include <string>

#include "net/openssl.hpp"
#include "nikawa/base/bytes.hpp"
#include "nikawa/loop/deadline_queue.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/net/byte_stream.hpp"
#include "nikawa/net/dialer.hpp"

namespace nikawa::net {

/// The first flight of a client that resumes a session of TLS 1.3 (RFC 8446 §2.3): the ClientHello,
/// the early data, and, should the server reject them, the same bytes once more after the
/// handshake. One for each such handshake of a `TlsStream`, which hands on what OpenSSL says.
///
/// The functions that give an `int` give that of the OpenSSL function they end with: 1 is done,
/// anything else is for SSL_get_error(), and they are to be called again.
class EarlyData final : private loop::Expirable, private loop::TurnFlush {
public:
    /// Whether the session that `ssl` is to resume allows early data.
    [[nodiscard]] static bool is_allowed(SSL* ssl) noexcept;

    /// The ClientHello leaves with what is written in this turn, or alone at the end of it. The
    /// deadline is the handshake's; when it passes the waiters of `stream` are woken.
    EarlyData(loop::Loop& loop, ByteStream& stream, SSL* ssl, Deadline deadline);

    /// What the server is taken to speak: what the session's ALPN chose.
    [[nodiscard]] Protocol protocol() const noexcept { return protocol_; }

    /// Whether the handshake has ended well.
    [[nodiscard]] bool is_confirmed() const noexcept { return phase_ == Phase::resending; }

    [[nodiscard]] bool has_expired() const noexcept { return expired_; }

    /// How many bytes `write()` takes now.
    [[nodiscard]] std::size_t room() const noexcept;

    /// Whether something of ours has not left whole, and nothing else may be done before.
    [[nodiscard]] bool is_cut() const noexcept { return phase_ == Phase::cut; }

    /// Whether there is nothing to do before the server answers.
    [[nodiscard]] bool awaits_answer() const noexcept {
        return phase_ == Phase::unsent || phase_ == Phase::open;
    }

    /// Takes the bytes, no more than there is room for, whatever it gives.
    int write(Bytes bytes);

    /// Sends what is cut.
    int push() noexcept;

    /// Goes on with the handshake, after which no early data can be written, and sends again what
    /// was rejected.
    int shake() noexcept;

    /// Nothing will be done any more.
    void give_up() noexcept;

private:
    enum class Phase : std::uint8_t {
        unsent,     // not even the ClientHello
        cut,        // the ClientHello or early data left in part, or not at all
        open,       // more early data may be written
        shaking,    // the handshake goes on
        resending,  // the handshake has ended, the early data were rejected
        over,
    };

    void expire() noexcept override;
    void flush() noexcept override;
    int send_again() noexcept;

    ByteStream& stream_;
    SSL* ssl_;
    loop::Watchdog watchdog_;
    std::size_t limit_;
    std::string kept_;      // all early data, in case they are rejected
    std::size_t sent_ = 0;  // of it, as early data or again
    Protocol protocol_;
    Phase phase_ = Phase::unsent;
    bool others_went_first_ = false;
    bool expired_ = false;
};

}  // namespace nikawa::net
