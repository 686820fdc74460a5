#include "client/request_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "client/h2_request.hpp"
#include "client/request_check.hpp"
#include "nikawa/http/head_fault.hpp"

namespace nikawa::client {
namespace {

using State = net::IoResult::State;
using HeadState = RequestReader::HeadState;

// Takes most heads at the first read.
constexpr std::size_t head_capacity = 4 * 1024;
// As much of a large body as is worth one read; the next steps cost by the byte.
constexpr std::size_t largest_body_capacity = 64 * 1024;

}  // namespace

RequestReader::RequestReader(loop::Loop& loop,
                             net::ByteStream& stream,
                             Inactivity& inactivity,
                             const ClientLimits& limits)
    : loop_(loop),
      stream_(stream),
      inactivity_(inactivity),
      limits_(limits),
      parser_(limits.head),
      decoder_(Side::client, limits.head) {}

HeadState RequestReader::begin_request() {
    parser_.reset();
    head_.clear();
    framing_ = http::NoBody{};
    decoder_.start(framing_);
    failure_.reset();
    body_bytes_ = 0;
    started_at_ = loop_.now();
    const auto state = has_input() ? parse_head() : HeadState::need_more;
    return state == HeadState::need_more && !is_dry_ ? read_head() : state;
}

HeadState RequestReader::read_head() {
    if (!has_input()) started_at_ = loop_.now();
    for (;;) {
        switch (read(std::max(head_capacity, 2 * buffer_.unread().size())).state) {
            case State::done: break;
            case State::would_block: return HeadState::need_more;
            case State::end:
            case State::failed: return HeadState::gone;
        }
        const auto state = parse_head();
        if (state != HeadState::need_more || is_dry_) return state;
    }
}

HeadState RequestReader::parse_head() {
    if (is_first_) {
        const auto match = match_preface(buffer_.unread());
        if (match == PrefaceMatch::whole) return HeadState::http_2;
        if (match == PrefaceMatch::part) return HeadState::need_more;
        is_first_ = false;
    }
    const auto head_bytes = parser_.parse_request(buffer_.unread(), head_);
    if (!head_bytes) return refuse(head_bytes.error());
    if (*head_bytes == 0) return HeadState::need_more;
    buffer_.take(*head_bytes);
    if (const auto failure = check_head()) return refuse(*failure);
    decoder_.start(framing_);
    return HeadState::complete;
}

// What a head that can be read must fulfil as a request.
std::optional<Failure> RequestReader::check_head() {
    const auto framing = http::request_framing(head_);
    if (!framing) return framing.error();

    // RFC 9112 §3.2: one Host, and never two.
    const auto hosts = head_.fields.count(http::FieldId::host);
    if (hosts > 1) return http::bad_head(http::HeadFault::several_hosts);
    if (hosts == 0 && head_.version != http::Version::http_1_0) {
        return http::bad_head(http::HeadFault::no_host);
    }

    const auto checked = check_request(head_, *framing, limits_);
    if (!checked) return checked.error();
    framing_ = *framing;
    return std::nullopt;
}

HeadState RequestReader::refuse(const Failure& failure) {
    failure_ = failure;
    return HeadState::refused;
}

HeadState RequestReader::refuse_head(Errc code) { return refuse({code, Side::client}); }

bool RequestReader::is_between_requests() const {
    return buffer_.unread().find_first_not_of("\r\n") == Bytes::npos;
}

Task<Result<Bytes>> RequestReader::receive_body(Deadline deadline) {
    body_deadline_ = deadline;
    for (;;) {
        const auto piece = decode_body();
        if (!piece || !piece->empty() || decoder_.at_end()) co_return piece;

        if (is_dry_) {
            inactivity_.expect_input_by(body_deadline_);
            is_waiting_ = true;
            co_await stream_.wait_readable();
            is_waiting_ = false;
            is_dry_ = false;
            const bool overdue = inactivity_.is_input_overdue();
            inactivity_.expect_input_by(Deadline::none());
            if (std::exchange(is_interrupted_, false)) {
                co_return Failure{Errc::abandoned, Side::client};
            }
            if (overdue) failure_ = Failure{Errc::request_body_timed_out, Side::client};
            continue;
        }

        const auto got = read(body_capacity());
        if (got.state == State::would_block) {
            is_dry_ = true;
        } else if (got.state != State::done) {
            failure_ = Failure{Errc::client_gone, Side::client, got.error};
        }
    }
}

// The next piece of what is in the buffer; empty when there is none.
Result<Bytes> RequestReader::decode_body() {
    while (!failure_ && !decoder_.at_end()) {
        const auto step = decoder_.decode(buffer_.unread());
        if (!step) {
            failure_ = step.error();
            break;
        }
        buffer_.take(step->taken);
        body_bytes_ += step->data.size();
        if (limits_.body_bytes > 0 && body_bytes_ > limits_.body_bytes) {
            failure_ = Failure{Errc::body_too_large, Side::client};
            break;
        }
        if (!step->data.empty()) return step->data;
        if (step->taken == 0) break;
    }
    if (failure_) return *failure_;
    return Bytes{};
}

void RequestReader::wait_without_deadline() {
    body_deadline_ = Deadline::none();
    if (is_waiting_) inactivity_.expect_input_by(body_deadline_);
}

void RequestReader::interrupt_receive() noexcept {
    if (!is_waiting_) return;
    is_interrupted_ = true;
    stream_.wake();
}

std::size_t RequestReader::body_capacity() const {
    const auto wanted = std::min<std::uint64_t>(
        decoder_.remaining().value_or(largest_body_capacity), largest_body_capacity);
    return std::max(static_cast<std::size_t>(wanted), 2 * buffer_.unread().size());
}

net::IoResult RequestReader::read(std::size_t capacity) {
    const auto room = buffer_.room(capacity);
    const auto got = stream_.try_read(room);
    if (got.state == State::done) buffer_.add(got.bytes);
    is_dry_ = got.bytes < room.size();
    return got;
}

std::string RequestReader::take_unread() {
    std::string unread{buffer_.unread()};
    buffer_.take(unread.size());
    buffer_.release();
    return unread;
}

void RequestReader::release_memory() {
    // Not assignments: a string that is assigned an empty one keeps its memory.
    std::exchange(head_, {});
    std::exchange(decoder_, http::H1BodyDecoder{Side::client, limits_.head});
}

}  // namespace nikawa::client
