#include "client/response_writer.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nikawa::client {
namespace {

using IoState = net::IoResult::State;

// The handler sent other than it announced; it gets what it gets after break_off().
constexpr Failure broken_off{Errc::client_gone, Side::client};

}  // namespace

ResponseWriter::ResponseWriter(loop::Loop& loop,
                               net::ByteStream& stream,
                               Inactivity& inactivity,
                               Duration write_timeout)
    : loop_(loop), stream_(stream), inactivity_(inactivity), write_timeout_(write_timeout) {}

void ResponseWriter::begin_request(Request request) {
    request_ = request;
    state_ = State::before_head;
    framing_ = http::NoBody{};
    left_ = 0;
    body_bytes_ = 0;
}

// Waiting here could make two coroutines wait for one direction. Should the client's window be
// full, which a client that waits for this cannot intend, it leaves with the response.
void ResponseWriter::send_continue() {
    heads_ += "HTTP/1.1 100 Continue\r\n\r\n";
    const Bytes piece = unsent_heads();
    const auto sent = stream_.try_write({&piece, 1});
    Bytes nothing;
    if (sent.state == IoState::done) note_sent(sent.bytes, nothing, nothing);
}

Task<Result<void>> ResponseWriter::send_interim(const http::ResponseHead& head) {
    if (request_.version == http::Version::http_1_1 && !has_begun()) {
        http::append_response_head(
            heads_, head, http::NoBody{}, request_.version, http::Persistence::keep_alive);
    }
    return flush();
}

http::BodyFraming ResponseWriter::framing_for(const http::ResponseHead& head,
                                              const http::BodyFraming& framing) const {
    if (request_.is_head || head.status == 204 || head.status == 304) return http::NoBody{};
    if (std::holds_alternative<http::Sized>(framing) ||
        std::holds_alternative<http::NoBody>(framing)) {
        return framing;
    }
    if (request_.version == http::Version::http_1_0) return http::UntilClose{};
    return http::Chunked{};
}

void ResponseWriter::begin_response(const http::ResponseHead& head,
                                    const http::BodyFraming& framing,
                                    http::Persistence persistence) {
    if (has_begun()) return break_off();
    state_ = State::body;
    framing_ = framing;
    received_ = head.version;
    const auto* const sized = std::get_if<http::Sized>(&framing);
    left_ = sized != nullptr ? sized->bytes : 0;
    http::append_response_head(heads_, head, framing, request_.version, persistence);
}

// To either version the persistence that needs no word.
Task<Result<void>> ResponseWriter::send_last_head(const http::ResponseHead& head) {
    const bool is_old = request_.version == http::Version::http_1_0;
    begin_response(
        head, http::NoBody{}, is_old ? http::Persistence::close : http::Persistence::keep_alive);
    return finish_response({}, {});
}

Task<Result<void>> ResponseWriter::send_body(Bytes bytes) {
    if (!prepare_body(bytes)) {
        break_off();
        bytes = {};
    }
    const bool is_chunk = std::holds_alternative<http::Chunked>(framing_) && !bytes.empty();
    return write(bytes, is_chunk ? Bytes{"\r\n"} : Bytes{});
}

Task<Result<void>> ResponseWriter::finish_response(Bytes bytes, const http::FieldBlock& trailers) {
    if (!prepare_body(bytes) || left_ > 0) {
        break_off();
        return write({}, {});
    }
    state_ = State::ended;
    tail_.clear();
    if (std::holds_alternative<http::Chunked>(framing_)) {
        if (!bytes.empty()) tail_ += "\r\n";
        http::append_last_chunk(tail_, trailers, received_);
    }
    return write(bytes, tail_);
}

// Puts what goes before the next body bytes, and takes away those that no body has. False when they
// are more than was announced.
bool ResponseWriter::prepare_body(Bytes& bytes) {
    if (state_ != State::body) return false;
    if (std::holds_alternative<http::NoBody>(framing_)) {
        bytes = {};
    } else if (std::holds_alternative<http::Sized>(framing_)) {
        if (bytes.size() > left_) return false;
        left_ -= bytes.size();
    } else if (std::holds_alternative<http::Chunked>(framing_) && !bytes.empty()) {
        heads_ += http::ChunkHead{bytes.size()}.bytes();
    }
    return true;
}

// Writes heads_, `data` and `tail`. What others append to heads_ meanwhile is written too.
Task<Result<void>> ResponseWriter::write(Bytes data, Bytes tail) {
    for (deadline_ = Deadline::none();;) {
        if (failure_) co_return *failure_;
        std::array<Bytes, 3> pieces{unsent_heads(), data, tail};
        const auto last = std::remove(pieces.begin(), pieces.end(), Bytes{});
        if (last == pieces.begin()) break;

        const auto sent = stream_.try_write({pieces.begin(), last});
        if (sent.state == IoState::done) {
            note_sent(sent.bytes, data, tail);
            deadline_ = Deadline::none();
            if (heads_.empty() && data.empty() && tail.empty()) break;
        } else if (sent.state != IoState::would_block) {
            fail({Errc::client_gone, Side::client, sent.error});
            continue;
        }
        // The socket is full; time runs from the last byte that it took, or that came.
        if (deadline_.is_none()) expect_to_be_read();
        inactivity_.expect_output_by(deadline_);
        is_blocked_ = true;
        co_await stream_.wait_writable();
        is_blocked_ = false;
        if (inactivity_.is_output_overdue()) fail({Errc::write_timed_out, Side::client});
        inactivity_.expect_output_by(Deadline::none());
    }
    if (state_ == State::ended) state_ = State::complete;
    co_return Result<void>{};
}

void ResponseWriter::expect_to_be_read() {
    deadline_ = Deadline::after(loop_.now(), write_timeout_);
    inactivity_.expect_output_by(deadline_);
}

void ResponseWriter::note_sent(std::size_t bytes, Bytes& data, Bytes& tail) {
    const auto of_heads = std::min(bytes, unsent_heads().size());
    heads_sent_ += of_heads;
    if (heads_sent_ == heads_.size()) {
        heads_.clear();
        heads_sent_ = 0;
    }
    const auto of_data = std::min(bytes - of_heads, data.size());
    data.remove_prefix(of_data);
    body_bytes_ += of_data;
    tail.remove_prefix(bytes - of_heads - of_data);
}

void ResponseWriter::break_off() noexcept {
    if (state_ != State::complete && !failure_) fail(broken_off);
}

void ResponseWriter::fail(const Failure& failure) noexcept {
    state_ = State::broken;
    failure_ = failure;
    // Where the end of the connection would be the end of the body, only a reset shows the cut;
    // and the kernel need not keep what a client that has stopped reading will never take.
    if (std::holds_alternative<http::UntilClose>(framing_) ||
        failure.code == Errc::write_timed_out) {
        stream_.abort();
    } else {
        stream_.close();
    }
}

void ResponseWriter::release_memory() {
    // Not assignments: a string that is assigned an empty one keeps its memory.
    std::exchange(heads_, {});
    std::exchange(tail_, {});
}

}  // namespace nikawa::client
