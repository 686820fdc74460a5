#include "nikawa/net/tls_stream.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/early_data.hpp"
#include "net/openssl.hpp"
#include "net/session_cache.hpp"
#include "net/socket_bio.hpp"
#include "net/wait_limit.hpp"
#include "nikawa/net/tls_alert.hpp"

namespace nikawa::net {
namespace {

using State = IoResult::State;

constexpr std::size_t max_record = SSL3_RT_MAX_PLAIN_LENGTH;

const boost::system::error_code timed_out{ETIMEDOUT, boost::system::system_category()};

// The pieces of one write, cut into records: as few as possible, and a copy only where pieces have
// to be joined.
class Records {
public:
    explicit Records(std::span<const Bytes> pieces) : pieces_(pieces) { skip_empty(); }

    // What the next record is to hold; empty at the end.
    Bytes next() noexcept {
        if (pieces_.empty()) return {};
        const Bytes first = pieces_.front().substr(taken_);
        if (first.size() >= max_record || pieces_.size() == 1) return first.substr(0, max_record);
        std::size_t size = 0;
        for (std::size_t i = 0; i < pieces_.size() && size < max_record; ++i) {
            const Bytes piece = i == 0 ? first : pieces_[i];
            size += piece.copy(joined_.data() + size, max_record - size);
        }
        return {joined_.data(), size};
    }

    void advance(std::size_t bytes) noexcept {
        while (bytes > 0) {
            const auto step = std::min(bytes, pieces_.front().size() - taken_);
            taken_ += step;
            bytes -= step;
            skip_empty();
        }
    }

private:
    void skip_empty() noexcept {
        while (!pieces_.empty() && taken_ == pieces_.front().size()) {
            pieces_ = pieces_.subspan(1);
            taken_ = 0;
        }
    }

    std::span<const Bytes> pieces_;
    std::size_t taken_ = 0;  // of the first piece
    std::array<char, max_record> joined_;
};

}  // namespace

void TlsStream::FreeSsl::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

TlsStream::TlsStream(
    EventLoop& event_loop, UniqueFd fd, const Endpoint& peer, ssl_st* ssl, std::string session_key)
    : ByteStream(event_loop.loop()),
      loop_(event_loop.loop()),
      socket_(event_loop.poller(), std::move(fd), *this),
      ssl_(ssl),
      peer_(peer),
      session_key_(std::move(session_key)) {
    BIO* const bio = make_socket_bio(socket_).release();
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, &session_key_);
}

TlsStream::~TlsStream() { end_tls(); }

Task<Result<void>> TlsStream::handshake(Deadline deadline) {
    const WaitLimit limit{loop_, readable_, deadline};
    for (;;) {
        ERR_clear_error();
        const int result = SSL_do_handshake(ssl_.get());
        if (result == 1) {
            reading_.need = Need::nothing;  // the peer's first bytes may have been read ahead
            co_return Result<void>{};
        }
        const auto stop = stopped(result, reading_);
        if (stop.state != State::would_block) co_return handshake_failure(stop);
        if (limit.has_expired()) co_return Failure{Errc::tls_timed_out, side()};
        co_await wait_readable();
    }
}

bool TlsStream::begin_early(Deadline deadline) {
    if (!EarlyData::is_allowed(ssl_.get())) return false;
    early_ = std::make_unique<EarlyData>(loop_, *this, ssl_.get(), deadline);
    return true;
}

Protocol TlsStream::protocol() const noexcept {
    return early_ ? early_->protocol() : chosen_protocol(ssl_.get());
}

bool TlsStream::is_confirmed() const noexcept { return !early_ || early_->is_confirmed(); }

bool TlsStream::is_resumed() const noexcept {
    return !is_confirmed() || SSL_session_reused(ssl_.get()) == 1;
}

IoResult TlsStream::try_read(MutableBytes into) noexcept {
    if (early_) {
        if (const auto stop = go_on_early(reading_)) return *stop;
    }
    std::size_t filled = 0;
    while (filled < into.size() && !over_) {
        ERR_clear_error();
        std::size_t got = 0;
        const int result =
            SSL_read_ex(ssl_.get(), into.data() + filled, into.size() - filled, &got);
        if (result == 1) {
            reading_.need = Need::nothing;
            filled += got;
            continue;
        }
        const auto stop = stopped(result, reading_);
        if (stop.state != State::would_block) {
            over_ = stop;
        } else if (filled == 0) {
            return stop;
        } else {
            break;
        }
    }
    return filled > 0 ? IoResult{State::done, filled} : *over_;
}

IoResult TlsStream::try_write(std::span<const Bytes> pieces) noexcept {
    if (early_) {
        if (!over_ && early_->room() > 0) return write_early(pieces);
        if (const auto stop = go_on_early(writing_)) return *stop;
    }
    Records records{pieces};
    std::size_t written = 0;
    for (Bytes record = records.next(); !record.empty(); record = records.next()) {
        ERR_clear_error();
        // A record that was cut short before is not sealed again: OpenSSL goes on sending it, for
        // which `record` must not be shorter now. It is not, for it starts with the same bytes.
        std::size_t taken = 0;
        const int result = SSL_write_ex(ssl_.get(), record.data(), record.size(), &taken);
        if (result != 1) {
            const auto stop = stopped(result, writing_);
            if (written == 0) return stop.state == State::failed ? last_words(stop) : stop;
            break;
        }
        writing_.need = Need::nothing;
        records.advance(taken);
        written += taken;
    }
    return {State::done, written};
}

void TlsStream::watch_peer(PeerCloseListener* listener) {
    peer_listener_ = listener;
    if (listener != nullptr) socket_.tell_again();
}

void TlsStream::shutdown_send() noexcept {
    send_close_notify();
    socket_.shutdown_send();
}

void TlsStream::close() noexcept {
    peer_listener_ = nullptr;
    if (early_) early_->give_up();
    end_tls();
    socket_.close();
    over_ = {State::failed, 0, {ENOTCONN, boost::system::system_category()}};
    wake();
}

void TlsStream::abort() noexcept {
    broken_ = true;  // a close_notify would make it an orderly end
    if (socket_.is_open()) reset_on_close(socket_.fd());
    close();
}

void TlsStream::arm(Direction& direction, loop::Event& event) {
    bool may_go_on = true;
    switch (direction.need) {
        case Need::nothing: break;
        case Need::readable: may_go_on = socket_.want_readable(); break;
        case Need::writable: may_go_on = socket_.want_writable(); break;
    }
    if (may_go_on) {
        event.notify();
    } else {
        direction.armed = true;
    }
}

void TlsStream::meet(Direction& direction,
                     loop::Event& event,
                     bool readable,
                     bool writable) noexcept {
    const bool met = direction.need == Need::writable ? writable : readable;
    if (direction.armed && met) {
        direction.armed = false;
        event.notify();
    }
}

void TlsStream::socket_ready(bool readable, bool writable) noexcept {
    const bool somebody_reads = readable_.has_waiter();
    meet(reading_, readable_, readable, writable);
    meet(writing_, writable_, readable, writable);
    if (readable && !somebody_reads && peer_listener_ != nullptr && is_peer_gone()) {
        std::exchange(peer_listener_, nullptr)->peer_closed();
    }
}

bool TlsStream::is_peer_gone() noexcept {
    if (over_) return true;
    if (early_) {
        if (const auto stop = go_on_early(reading_)) return stop->state != State::would_block;
    }
    ERR_clear_error();
    char next = 0;
    std::size_t got = 0;
    const int result = SSL_peek_ex(ssl_.get(), &next, sizeof next, &got);
    if (result == 1) {
        reading_.need = Need::nothing;
        return false;
    }
    const auto stop = stopped(result, reading_);
    if (stop.state == State::would_block) return false;
    over_ = stop;
    return true;
}

IoResult TlsStream::stopped(int result, Direction& direction) noexcept {
    const int error_number = errno;
    const int reason = SSL_get_error(ssl_.get(), result);
    switch (reason) {
        case SSL_ERROR_WANT_READ: direction.need = Need::readable; return {State::would_block};
        case SSL_ERROR_WANT_WRITE: direction.need = Need::writable; return {State::would_block};
        default: break;
    }
    direction.need = Need::nothing;  // a waiter is to hear of it at once
    switch (reason) {
        case SSL_ERROR_ZERO_RETURN: return {State::end};
        case SSL_ERROR_SYSCALL:
            broken_ = true;
            if (error_number == 0) return {State::failed, 0, truncated_error()};
            return {State::failed, 0, {error_number, boost::system::system_category()}};
        default: broken_ = true; return {State::failed, 0, take_openssl_error()};
    }
}

// A peer that gives up says why and closes, and what is on its way to it then is answered by a
// reset: writing may fail before the reason has been read.
IoResult TlsStream::last_words(const IoResult& stop) noexcept {
    if (over_) return stop;
    ERR_clear_error();
    char next = 0;
    std::size_t got = 0;
    const int result = SSL_peek_ex(ssl_.get(), &next, sizeof next, &got);
    if (result == 1) return stop;
    const auto said = stopped(result, reading_);
    if (!received_alert(said.error)) return stop;
    over_ = said;
    return said;
}

std::optional<IoResult> TlsStream::go_on_early(Direction& direction) noexcept {
    if (over_) return over_;
    if (early_->has_expired()) return fail_early(timed_out);
    ERR_clear_error();
    int result = early_->is_cut() ? early_->push() : 1;
    if (result == 1 && early_->awaits_answer() && !socket_.want_readable()) {
        direction.need = Need::readable;
        return IoResult{State::would_block};
    }
    if (result == 1) result = early_->shake();
    if (result == 1) {
        reading_.need = writing_.need = Need::nothing;
        early_.reset();
        return std::nullopt;
    }
    const auto stop = stopped(result, direction);
    if (stop.state == State::would_block) return stop;
    return fail_early(handshake_failure(stop).cause);
}

// The bytes are taken even if they cannot leave yet: then whoever comes next pushes them.
IoResult TlsStream::write_early(std::span<const Bytes> pieces) noexcept {
    Records records{pieces};
    const Bytes record = records.next().substr(0, early_->room());
    ERR_clear_error();
    const int result = early_->write(record);
    if (result != 1) {
        const auto stop = stopped(result, writing_);
        if (stop.state != State::would_block) return fail_early(handshake_failure(stop).cause);
        wake();
    }
    return {State::done, record.size()};
}

// Not to be begun that way again: a full handshake with the next dial may fare better, for one a
// server that no longer speaks TLS 1.3 (RFC 8446 appendix D.3).
IoResult TlsStream::fail_early(boost::system::error_code error) noexcept {
    if (auto* const sessions = session_cache_of(ssl_.get())) sessions->forget(session_key_);
    early_->give_up();
    broken_ = true;
    over_ = {State::failed, 0, error};
    wake();
    return *over_;
}

Side TlsStream::side() const noexcept {
    return SSL_is_server(ssl_.get()) == 1 ? Side::client : Side::origin;
}

Failure TlsStream::handshake_failure(const IoResult& stop) const noexcept {
    const auto verified = SSL_get_verify_result(ssl_.get());
    if (verified != X509_V_OK && (SSL_get_verify_mode(ssl_.get()) & SSL_VERIFY_PEER) != 0) {
        return {Errc::tls_certificate_rejected, side(), certificate_error(verified)};
    }
    return {Errc::tls_failed, side(), stop.state == State::end ? truncated_error() : stop.error};
}

void TlsStream::send_close_notify() noexcept {
    if (broken_ || !socket_.is_open() || SSL_is_init_finished(ssl_.get()) != 1) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // does nothing the second time
}

void TlsStream::end_tls() noexcept {
    send_close_notify();
    // OpenSSL takes anything else for a breach, and the session could not be resumed.
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

}  // namespace nikawa::net
