#include "support/memory_stream.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>

namespace nikawa::test {
namespace {

using net::IoResult;

IoResult failed(boost::system::errc::errc_t why) {
    return {IoResult::State::failed, 0, boost::system::errc::make_error_code(why)};
}

}  // namespace

StreamPair make_stream_pair(loop::Loop& loop, const WireSettings& settings) {
    StreamPair pair;
    pair.near.reset(new MemoryStream{loop, settings.capacity, settings.near_address});
    pair.far.reset(new MemoryStream{loop, settings.capacity, settings.far_address});
    pair.near->peer_ = pair.far.get();
    pair.far->peer_ = pair.near.get();
    return pair;
}

MemoryStream::MemoryStream(loop::Loop& loop, std::size_t capacity, std::string peer_address)
    : ByteStream(loop),
      TurnFlush(loop),
      capacity_(capacity),
      peer_address_(std::move(peer_address)) {}

MemoryStream::~MemoryStream() {
    close();
    if (peer_ != nullptr) peer_->peer_ = nullptr;
}

IoResult MemoryStream::try_read(MutableBytes into) noexcept {
    ++reads_;
    if (closed_) return failed(boost::system::errc::operation_canceled);
    if (broken_) return failed(boost::system::errc::connection_reset);
    if (incoming_.empty()) {
        return {input_ended_ ? IoResult::State::end : IoResult::State::would_block};
    }
    const auto bytes = std::min({into.size(), incoming_.size(), read_limit_});
    std::copy_n(incoming_.begin(), bytes, into.begin());
    incoming_.erase(0, bytes);
    wake_if_ready();
    if (peer_ != nullptr) peer_->wake_if_ready();
    return {IoResult::State::done, bytes};
}

IoResult MemoryStream::try_write(std::span<const Bytes> pieces) noexcept {
    ++writes_;
    std::size_t offered = 0;
    for (const Bytes piece : pieces) offered += piece.size();
    most_offered_ = std::max(most_offered_, offered);
    if (closed_) return failed(boost::system::errc::operation_canceled);
    if (broken_) return failed(boost::system::errc::connection_reset);
    if (send_ended_) return failed(boost::system::errc::broken_pipe);
    if (peer_ == nullptr || peer_->closed_) {  // the first write is lost, its answer is a reset
        break_connection();
        return {IoResult::State::done, offered};
    }
    if (!can_write()) return {IoResult::State::would_block};
    const auto room = std::min(capacity_ - peer_->incoming_.size(), write_limit_);
    const auto before = peer_->incoming_.size();
    for (const Bytes piece : pieces) {
        peer_->incoming_ += piece.substr(0, room - (peer_->incoming_.size() - before));
    }
    peer_->wake_if_ready();
    return {IoResult::State::done, peer_->incoming_.size() - before};
}

void MemoryStream::watch_peer(net::PeerCloseListener* listener) {
    listener_ = listener;
    end_told_ = false;
    wake_if_ready();
}

void MemoryStream::shutdown_send() noexcept {
    if (closed_ || send_ended_) return;
    send_ended_ = true;
    if (peer_ == nullptr) return;
    peer_->input_ended_ = true;
    peer_->wake_if_ready();
}

void MemoryStream::close() noexcept {
    if (closed_) return;
    if (!incoming_.empty() && peer_ != nullptr) peer_->break_connection();
    shutdown_send();
    closed_ = true;
    listener_ = nullptr;
    incoming_.clear();
    wake();
    if (peer_ != nullptr) peer_->wake_if_ready();
}

void MemoryStream::abort() noexcept {
    if (closed_) return;
    if (peer_ != nullptr) peer_->break_connection();
    close();
}

void MemoryStream::probe_path(bool on) noexcept {
    probes_ += on ? 1 : 0;
    probing_ = on;
}

void MemoryStream::break_connection() noexcept {
    if (closed_) return;
    broken_ = true;
    incoming_.clear();
    wake_if_ready();
}

bool MemoryStream::can_read() const {
    return closed_ || broken_ || input_ended_ || !incoming_.empty();
}

bool MemoryStream::can_write() const {
    return closed_ || broken_ || send_ended_ || peer_ == nullptr || peer_->closed_ ||
           peer_->incoming_.size() < capacity_;
}

void MemoryStream::arm_readable() {
    read_armed_ = true;
    wake_if_ready();
}

void MemoryStream::arm_writable() {
    write_armed_ = true;
    wake_if_ready();
}

bool MemoryStream::is_peer_gone() const { return broken_ || (input_ended_ && incoming_.empty()); }

void MemoryStream::wake_if_ready() noexcept {
    const bool somebody_reads = readable_.has_waiter();
    if (read_armed_ && can_read()) {
        read_armed_ = false;
        readable_.notify();
    }
    if (write_armed_ && can_write()) {
        write_armed_ = false;
        writable_.notify();
    }
    if (listener_ != nullptr && !somebody_reads && is_peer_gone()) mark_dirty();
}

// The listener is told on the bare loop, as an event loop would do it, never inside a call of ours.
void MemoryStream::flush() noexcept {
    if (listener_ == nullptr) return;
    if (broken_) {
        std::exchange(listener_, nullptr)->peer_closed();
    } else if (!std::exchange(end_told_, true)) {
        listener_->peer_ended();
    }
}

}  // namespace nikawa::test
