#include "net/early_data.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <utility>

namespace nikawa::net {
namespace {

// What is kept to be sent again; a head and a small body are less.
constexpr std::size_t max_early_data = 16'384;

}  // namespace

bool EarlyData::is_allowed(SSL* ssl) noexcept {
    const SSL_SESSION* const session = SSL_get_session(ssl);
    return session != nullptr && SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION &&
           SSL_SESSION_get_max_early_data(session) > 0;
}

EarlyData::EarlyData(loop::Loop& loop, ByteStream& stream, SSL* ssl, Deadline deadline)
    : TurnFlush(loop),
      stream_(stream),
      ssl_(ssl),
      watchdog_(loop.deadlines(), *this),
      limit_(std::min<std::size_t>(SSL_SESSION_get_max_early_data(SSL_get_session(ssl)),
                                   max_early_data)),
      protocol_(chosen_protocol(SSL_get_session(ssl))) {
    watchdog_.arm(deadline);
    mark_dirty();
}

std::size_t EarlyData::room() const noexcept { return awaits_answer() ? limit_ - kept_.size() : 0; }

int EarlyData::write(Bytes bytes) {
    kept_.append(bytes);
    return push();
}

// OpenSSL holds the ClientHello back until the first early data, so that both leave in one write.
// A call that is repeated must bring the same bytes, neither more nor less: none are taken before.
int EarlyData::push() noexcept {
    std::size_t written = 0;
    const int result =
        SSL_write_early_data(ssl_, kept_.data() + sent_, kept_.size() - sent_, &written);
    if (result == 1) sent_ = kept_.size();
    phase_ = result == 1 ? Phase::open : Phase::cut;
    return result;
}

int EarlyData::shake() noexcept {
    if (phase_ == Phase::unsent) {
        if (const int result = push(); result != 1) return result;
    }
    if (phase_ != Phase::resending) {
        phase_ = Phase::shaking;
        if (const int result = SSL_do_handshake(ssl_); result != 1) return result;
        if (chosen_protocol(ssl_) != protocol_) {
            ERR_raise(ERR_LIB_SSL, SSL_R_INCONSISTENT_EARLY_DATA_ALPN);
            return -1;
        }
        if (SSL_get_early_data_status(ssl_) != SSL_EARLY_DATA_ACCEPTED) sent_ = 0;
        phase_ = Phase::resending;
    }
    return send_again();
}

int EarlyData::send_again() noexcept {
    while (sent_ < kept_.size()) {
        std::size_t written = 0;
        const int result = SSL_write_ex(ssl_, kept_.data() + sent_, kept_.size() - sent_, &written);
        if (result != 1) return result;
        sent_ += written;
    }
    return 1;
}

void EarlyData::give_up() noexcept {
    phase_ = Phase::over;
    watchdog_.disarm();
}

void EarlyData::expire() noexcept {
    expired_ = true;
    stream_.wake();
}

void EarlyData::flush() noexcept {
    if (phase_ != Phase::unsent) return;
    // Whoever was made dirty by the end of the dial comes later in the list, and may write.
    if (!std::exchange(others_went_first_, true)) return mark_dirty();
    ERR_clear_error();
    if (push() != 1) stream_.wake();  // who waits to read is to see to it
}

}  // namespace nikawa::net
