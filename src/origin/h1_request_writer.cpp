#include "origin/h1_request_writer.hpp"

#include <algorithm>
#include <array>

namespace nikawa::origin {
namespace {

using IoState = net::IoResult::State;

// Up to this much is copied behind what already waits, so that it leaves as one TLS record.
constexpr std::size_t joined_bytes = 16 * 1024;

}  // namespace

H1RequestWriter::H1RequestWriter(loop::Loop& loop,
                                 net::ByteStream& transport,
                                 OriginStream& stream,
                                 StreamDeadlines& deadlines)
    : TurnFlush(loop),
      loop_(loop),
      transport_(transport),
      stream_(stream),
      deadlines_(deadlines),
      taken_(loop),
      turned_(loop),
      ended_(loop) {}

void H1RequestWriter::start() {
    queued_.clear();
    queue_taken_ = 0;
    data_ = tail_ = {};
    complete_ = touched_ = begun_ = false;
    over_.reset();
    taken_.reset();
}

void H1RequestWriter::send_head(const http::RequestHead& head, const http::BodyFraming& framing) {
    http::append_request_head(queued_, head, framing);
    received_ = head.version;
    const auto* const sized = std::get_if<http::Sized>(&framing);
    announced_ = sized != nullptr ? sized->bytes : 0;
    chunked_ = std::holds_alternative<http::Chunked>(framing);
    complete_ = !chunked_ && announced_ == 0;
    mark_dirty();
}

Task<Result<void>> H1RequestWriter::send_body(Bytes bytes) {
    if (over_) co_return *over_;
    if (bytes.empty()) co_return Result<void>{};
    if (chunked_) {
        queued_.append(http::ChunkHead{bytes.size()}.bytes());
    } else if (bytes.size() > announced_) {
        co_return refuse_body();
    } else {
        announced_ -= bytes.size();
        complete_ = announced_ == 0;
    }
    const Bytes tail = chunked_ ? "\r\n" : "";
    if (unsent_queue().size() + bytes.size() <= joined_bytes) {
        queued_.append(bytes).append(tail);
        mark_dirty();
        co_return Result<void>{};
    }
    data_ = bytes;
    tail_ = tail;
    write();
    while (!data_.empty() || !tail_.empty()) co_await taken_.wait();
    if (over_) co_return *over_;
    co_return Result<void>{};
}

Result<void> H1RequestWriter::finish_body(const http::FieldBlock& trailers) {
    if (over_) return *over_;
    if (complete_) return {};
    if (announced_ != 0) return refuse_body();
    http::append_last_chunk(queued_, trailers, received_);
    complete_ = true;
    mark_dirty();
    return {};
}

// The body is not as long as was announced: the origin must not take it for whole.
Failure H1RequestWriter::refuse_body() {
    constexpr Failure bad_framing{Errc::bad_framing, Side::client};
    stream_.abandon(bad_framing);
    return bad_framing;
}

void H1RequestWriter::write() noexcept {
    if (blocked_) return;
    std::array<Bytes, 3> pieces{unsent_queue(), data_, tail_};
    const auto last = std::remove(pieces.begin(), pieces.end(), Bytes{});
    if (last == pieces.begin()) return;

    touched_ = true;
    const auto written = transport_.try_write({pieces.begin(), last});
    if (written.state == IoState::would_block) return wait_for_room();
    if (written.state != IoState::done) return give_up(written.error);
    begun_ = true;
    deadlines_.is_sending() ? deadlines_.set_sending(false) : deadlines_.note_sent();
    note_taken(written.bytes);
    if (has_unsent()) return wait_for_room();
    if (complete_) deadlines_.note_request_complete();
    taken_.notify();
}

void H1RequestWriter::note_taken(std::size_t bytes) noexcept {
    const auto of_queue = std::min(bytes, unsent_queue().size());
    queue_taken_ += of_queue;
    if (queue_taken_ == queued_.size()) {
        queued_.clear();
        queue_taken_ = 0;
    }
    const auto of_data = std::min(bytes - of_queue, data_.size());
    data_.remove_prefix(of_data);
    tail_.remove_prefix(bytes - of_queue - of_data);
}

// The coroutine that waits is made when a session first needs it, which most never do.
void H1RequestWriter::wait_for_room() {
    blocked_ = true;
    if (!deadlines_.is_sending()) deadlines_.set_sending(true);
    turned_.notify();
    if (!std::exchange(running_, true)) loop_.spawn(write_on());
}

Task<void> H1RequestWriter::write_on() {
    while (!closed_) {
        if (!blocked_) {
            co_await turned_.wait();
            continue;
        }
        co_await transport_.wait_writable();
        blocked_ = false;
        write();
    }
    running_ = false;
    ended_.notify();
}

// The origin takes no more. If it took nothing at all it has not seen the request; else it may have
// answered before it closed, and what it said is still to be read (RFC 9112 §9.5).
void H1RequestWriter::give_up(const boost::system::error_code& error) noexcept {
    if (!begun_) return stream_.abandon({Errc::stream_refused, Side::origin, error});
    stop({});
    deadlines_.note_request_complete();
}

void H1RequestWriter::stop(Result<void> outcome) noexcept {
    over_ = outcome;
    queued_.clear();
    queue_taken_ = 0;
    data_ = tail_ = {};
    complete_ = false;
    deadlines_.set_sending(false);
    taken_.notify();
}

void H1RequestWriter::close(const Failure& why) noexcept {
    closed_ = true;
    stop(why);
    turned_.notify();
}

Task<void> H1RequestWriter::join() {
    while (running_) co_await ended_.wait();
}

}  // namespace nikawa::origin
