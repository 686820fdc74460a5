#include "proxy/request_body.hpp"

namespace nikawa::proxy {
namespace {

constexpr Failure given_up{Errc::abandoned, Side::self};

}  // namespace

Task<Result<void>> RequestBody::prefetch() {
    const http::BodyFraming& framing = exchange_.request_framing();
    const auto* sized = std::get_if<http::Sized>(&framing);
    if (std::holds_alternative<http::NoBody>(framing) || (sized != nullptr && sized->bytes == 0)) {
        complete_ = true;
    }
    if (!complete_) exchange_.ask_for_body();
    if (complete_ || sized == nullptr || sized->bytes > replay_bytes_) co_return Result<void>{};
    for (;;) {
        const auto piece = co_await exchange_.receive_body();
        if (!piece) co_return piece.error();
        if (piece->empty()) break;
        kept_.append(*piece);
        share_.set(kept_.capacity());
    }
    complete_ = true;
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
    // The stream's own failures are told by the stream; a client's end it.
    if (!sent && sent.error().side == Side::client) stream_->abandon(sent.error());
    stream_ = nullptr;
    ended_.notify();
}

Task<Result<void>> RequestBody::send(origin::OriginStream& stream) {
    if (!kept_.empty()) {
        const auto sent = co_await stream.send_body(kept_);
        if (!sent) co_return sent;
    }
    while (!complete_) {
        // A stream that has answered takes what it is given and needs no more of it.
        if (stopped_) co_return given_up;
        const auto piece = co_await exchange_.receive_body();
        if (!piece) co_return piece.error();
        if (piece->empty()) {
            complete_ = true;
            break;
        }
        keep(*piece);
        const auto sent = co_await stream.send_body(*piece);
        if (!sent) co_return sent;
    }
    co_return co_await stream.finish_body(exchange_.request_trailers());
}

void RequestBody::keep(Bytes piece) {
    if (whole_ && kept_.size() + piece.size() <= replay_bytes_) {
        kept_.append(piece);
    } else {
        whole_ = false;
        std::string{}.swap(kept_);
    }
    share_.set(kept_.capacity());
}

}  // namespace nikawa::proxy
