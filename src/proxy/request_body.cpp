#include "proxy/request_body.hpp"

namespace nikawa::proxy {

Task<Result<void>> RequestBody::prefetch() {
    const http::BodyFraming& framing = exchange_.request_framing();
    const auto* sized = std::get_if<http::Sized>(&framing);
    if (std::holds_alternative<http::NoBody>(framing) || (sized != nullptr && sized->bytes == 0)) {
        complete_ = true;
    }
    if (complete_ || sized == nullptr || sized->bytes > replay_bytes_) co_return Result<void>{};
    for (;;) {
        const auto piece = co_await exchange_.receive_body();
        if (!piece) co_return piece.error();
        if (piece->empty()) break;
        kept_.append(*piece);
    }
    complete_ = true;
    co_return Result<void>{};
}

Task<Result<void>> RequestBody::send_complete(origin::OriginStream& stream) {
    if (!kept_.empty()) {
        const auto sent = co_await stream.send_body(kept_);
        if (!sent) co_return sent;
    }
    co_return co_await stream.finish_body(exchange_.request_trailers());
}

void RequestBody::start(origin::OriginStream& stream) {
    running_ = true;
    loop_.spawn(run(stream));
}

Task<void> RequestBody::stop() {
    if (!running_) co_return;
    exchange_.interrupt_receive();
    while (running_) co_await ended_event_.wait();
    ended_event_.reset();
}

Task<void> RequestBody::run(origin::OriginStream& stream) {
    const auto sent = co_await send(stream);
    // The stream's own failures are told by the stream; a client's end it.
    if (!sent && sent.error().side == Side::client) stream.abandon(sent.error());
    running_ = false;
    ended_event_.notify();
}

Task<Result<void>> RequestBody::send(origin::OriginStream& stream) {
    if (!kept_.empty()) {
        const auto sent = co_await stream.send_body(kept_);
        if (!sent) co_return sent;
    }
    while (!complete_) {
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
}

}  // namespace nikawa::proxy
