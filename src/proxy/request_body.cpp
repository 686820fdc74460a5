#include "proxy/request_body.hpp"

#include "nikawa/aws/refusal.hpp"

namespace nikawa::proxy {
namespace {

constexpr Failure given_up{Errc::abandoned, Side::self};
constexpr Failure full{Errc::memory_exhausted, Side::self};

}  // namespace

Task<Result<void>> RequestBody::prefetch() {
    const http::BodyFraming& framing = exchange_.request_framing();
    const auto* sized = std::get_if<http::Sized>(&framing);
    if (std::holds_alternative<http::NoBody>(framing) || (sized != nullptr && sized->bytes == 0)) {
        complete_ = true;
    }
    if (complete_) co_return check_end();
    exchange_.ask_for_body();
    if (sized == nullptr || sized->bytes > replay_bytes_) co_return Result<void>{};
    co_return co_await take_all(replay_bytes_);
}

Task<Result<Bytes>> RequestBody::hold(std::size_t most) {
    const http::BodyFraming& framing = exchange_.request_framing();
    const auto* sized = std::get_if<http::Sized>(&framing);
    if (sized != nullptr && sized->bytes > most) {
        co_return aws::failure_of(aws::Refusal::body_too_large);
    }
    if (!std::holds_alternative<http::NoBody>(framing)) {
        const auto taken = co_await take_all(most);
        if (!taken) co_return taken.error();
    }
    co_return Bytes{kept_};
}

Task<Result<void>> RequestBody::take_all(std::size_t most) {
    while (!complete_) {
        const auto received = co_await exchange_.receive_body();
        if (!received) co_return received.error();
        const auto piece = taken(*received);
        if (!piece) co_return piece.error();
        if (kept_.size() + piece->size() > most) {
            co_return aws::failure_of(aws::Refusal::body_too_large);
        }
        kept_.append(*piece);
        count_held();
        if (kept_.size() > replay_bytes_ && memory_.is_full()) co_return full;
    }
    co_return Result<void>{};
}

void RequestBody::start(origin::OriginStream& stream) {
    stream_ = &stream;
    stopped_ = false;
    loop_.spawn(run());
}

Task<void> RequestBody::stop() {
    if (stream_ == nullptr) co_return;
    stopped_ = true;
    exchange_.interrupt_receive();
    stream_->abandon(given_up);
    while (stream_ != nullptr) co_await ended_.wait();
    ended_.reset();
}

Task<void> RequestBody::run() {
    const auto sent = co_await send(*stream_);
    // The stream's own failures are told by the stream; others end it.
    if (!sent && sent.error().side != Side::origin) stream_->abandon(sent.error());
    stream_ = nullptr;
    ended_.notify();
}

Task<Result<void>> RequestBody::send(origin::OriginStream& stream) {
    const http::FieldBlock& trailers = exchange_.request_trailers();
    if (complete_) co_return co_await stream.finish_body(kept_, trailers);
    if (!kept_.empty()) {
        const auto sent = co_await stream.send_body(kept_);
        if (!sent) co_return sent;
    }
    for (;;) {
        // A stream that has answered takes what it is given and needs no more of it.
        if (stopped_) co_return given_up;
        const auto received = co_await exchange_.receive_body();
        if (!received) co_return received.error();
        const auto piece = taken(*received);
        if (!piece) co_return piece.error();
        keep(*piece);
        if (complete_) co_return co_await stream.finish_body(*piece, trailers);
        if (piece->empty()) {  // of a chunk that is not whole yet
            if (memory_.is_full()) co_return full;
            continue;
        }
        const auto sent = co_await stream.send_body(*piece);
        if (!sent) co_return sent;
    }
}

// What is to be sent of what was received, valid until the next call; notes the end of the body.
Result<Bytes> RequestBody::taken(Bytes received) {
    const bool is_last = received.empty() || exchange_.was_last_piece();
    const auto piece = passed(received);
    if (!piece || !is_last) return piece;
    if (const auto ended = check_end(); !ended) return ended.error();
    complete_ = true;
    return piece;
}

void RequestBody::keep(Bytes piece) {
    if (whole_ && kept_.size() + piece.size() <= replay_bytes_ && !memory_.is_full()) {
        kept_.append(piece);
    } else {
        whole_ = false;
        std::string{}.swap(kept_);
    }
    count_held();
}

// Valid until the next call.
Result<Bytes> RequestBody::passed(Bytes piece) {
    if (chunks_ == nullptr) return piece;
    passed_.clear();
    const auto fed = chunks_->feed(piece, passed_);
    if (!fed) return fed.error();
    // An origin that counts by Content-Length takes what it has then for the whole.
    const auto* sized = std::get_if<http::Sized>(&exchange_.request_framing());
    taken_bytes_ += piece.size();
    if (sized != nullptr && taken_bytes_ == sized->bytes) {
        if (const auto ended = check_end(); !ended) return ended.error();
    }
    return Bytes{passed_};
}

Result<void> RequestBody::check_end() const {
    return chunks_ == nullptr ? Result<void>{} : chunks_->finish();
}

void RequestBody::count_held() {
    const auto beside = chunks_ == nullptr ? 0 : chunks_->held_bytes() + passed_.capacity();
    share_.set(kept_.capacity() + beside);
}

}  // namespace nikawa::proxy
