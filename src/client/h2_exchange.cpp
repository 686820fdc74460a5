#include "client/h2_exchange.hpp"

#include <algorithm>
#include <utility>

#include "client/lingering.hpp"
#include "client/request_check.hpp"

namespace nikawa::client {
namespace {

constexpr Failure broken_off{Errc::abandoned, Side::self};

}  // namespace

H2Exchange::H2Exchange(loop::Loop& loop,
                       H2Frames& frames,
                       const ClientLimits& limits,
                       std::string_view client_address)
    : loop_(loop),
      frames_(frames),
      limits_(limits),
      client_address_(client_address),
      request_(limits.head),
      received_(limits.memory),
      window_(limits.first_stream_window, limits.stream_window),
      receivable_(loop),
      sent_(loop) {}

void H2Exchange::start(std::int32_t stream) {
    stream_ = stream;
    started_at_ = loop_.now();
    failure_.reset();
    listener_ = nullptr;
    request_.start();
    framing_ = http::NoBody{};
    refusal_.reset();
    receive_failure_.reset();
    trailers_.clear();
    window_.start();
    receivable_.start();
    is_interrupted_ = is_skipping_ = end_received_ = owes_continue_ = false;
    request_bytes_ = response_bytes_ = 0;
    state_ = State::before_head;
    end_sent_ = has_no_body_ = is_running = false;
    interim_heads_out_ = 0;
    left_.reset();
    outgoing_ = {};
    trailers_out_ = nullptr;
    sent_.start();
}

Task<Result<Bytes>> H2Exchange::receive_body() {
    ask_for_body();
    ask_for_more();
    const auto has_something = [this] {
        return failure_ || receive_failure_ || !received_.is_empty() || end_received_;
    };
    if (!has_something()) {
        const auto longest = has_response_begun() ? Duration::zero() : limits_.read_timeout;
        receivable_.expect_by(Deadline::after(loop_.now(), longest));
        while (!has_something() && !is_interrupted_ && !receivable_.is_overdue()) {
            co_await receivable_.wait();
        }
        receivable_.expect_no_more();
        if (std::exchange(is_interrupted_, false)) {
            co_return Failure{Errc::abandoned, Side::client};
        }
        if (!has_something()) {
            receive_failure_ = Failure{Errc::request_body_timed_out, Side::client};
        }
    }
    if (failure_) co_return *failure_;
    if (receive_failure_) co_return *receive_failure_;
    if (!received_.is_empty()) co_return received_.take();
    co_return Bytes{};
}

// The piece that the handler had gives its room back to the client, and more if there was not
// enough for so quick a handler.
void H2Exchange::ask_for_more() {
    const auto bytes = received_.drop_taken();
    if (bytes == 0 || stream_ == 0 || end_received_) return;
    const bool is_short = limits_.memory != nullptr && limits_.memory->is_short();
    if (received_.is_empty() && !is_short) window_.grow(bytes);
    const auto window =
        is_short ? std::min(window_.bytes(), limits_.first_stream_window) : window_.bytes();
    frames_.offer(stream_, window, received_.unread());
}

void H2Exchange::ask_for_body() {
    if (!owes_continue_ || end_received_ || has_response_begun() || failure_) return;
    owes_continue_ = false;
    if (request_bytes_ != 0) return;
    http::ResponseHead go_on;
    go_on.status = 100;
    submit_interim(go_on);
}

void H2Exchange::interrupt_receive() noexcept {
    if (!receivable_.has_waiter()) return;
    is_interrupted_ = true;
    receivable_.notify();
}

Task<Result<void>> H2Exchange::send_interim(const http::ResponseHead& head) {
    if (failure_) co_return *failure_;
    if (!has_response_begun()) submit_interim(head);
    co_return co_await wait_until_sent();
}

void H2Exchange::submit_interim(const http::ResponseHead& head) {
    ++interim_heads_out_;
    frames_.submit_interim(stream_, head);
}

void H2Exchange::begin_response(const http::ResponseHead& head, const http::BodyFraming& framing) {
    if (has_response_begun()) return break_off(broken_off);
    state_ = State::head_held;
    receivable_.expect_by(Deadline::none());
    response_ = head;
    const auto status = head.status;
    has_no_body_ = request_.head().method == "HEAD" || status == 204 || status == 304 ||
                   std::holds_alternative<http::NoBody>(framing);
    if (has_no_body_) return;
    if (const auto* const sized = std::get_if<http::Sized>(&framing)) left_ = sized->bytes;
}

// Whether the response ends with its HEADERS has to be known when they are queued.
void H2Exchange::send_head(bool has_body) {
    if (state_ != State::head_held) return;
    state_ = State::body;
    if (!frames_.submit_response(stream_, response_, has_body)) break_off(broken_off);
}

Task<Result<void>> H2Exchange::flush() {
    if (!failure_) send_head(true);
    if (failure_) co_return *failure_;
    co_return Result<void>{};
}

// Takes away bytes that no body has. False when they are more than was announced.
bool H2Exchange::prepare_body(Bytes& bytes) {
    if (state_ != State::head_held && state_ != State::body) return false;
    if (has_no_body_) bytes = {};
    if (!left_) return true;
    if (bytes.size() > *left_) return false;
    *left_ -= bytes.size();
    return true;
}

Task<Result<void>> H2Exchange::send_body(Bytes bytes) {
    if (failure_) co_return *failure_;
    if (!prepare_body(bytes)) break_off(broken_off);
    if (!bytes.empty() && !failure_) {
        send_head(true);
        outgoing_ = bytes;
        frames_.resume_sending(stream_);
    }
    co_return co_await wait_until_sent();
}

Task<Result<void>> H2Exchange::finish_response(Bytes bytes, const http::FieldBlock& trailers) {
    if (failure_) co_return *failure_;
    if (!prepare_body(bytes) || left_.value_or(0) > 0) break_off(broken_off);
    if (!failure_) {
        const bool has_trailers = !trailers.empty() && !has_no_body_;
        const bool ends_with_head = state_ == State::head_held && bytes.empty() && !has_trailers;
        send_head(!ends_with_head);
        if (has_trailers) trailers_out_ = &trailers;
        outgoing_ = bytes;
        state_ = State::ended;
        frames_.resume_sending(stream_);
    }
    const auto sent = co_await wait_until_sent();
    trailers_out_ = nullptr;
    if (sent) state_ = State::complete;
    co_return sent;
}

// What the client takes of it is up to its windows; time runs from the last byte that it took, or
// sent.
Task<Result<void>> H2Exchange::wait_until_sent() {
    if (!failure_ && !is_all_sent()) {
        expect_to_be_read();
        while (!failure_ && !is_all_sent() && !sent_.is_overdue()) co_await sent_.wait();
        sent_.expect_no_more();
        if (!failure_ && !is_all_sent()) {
            constexpr Failure overdue{Errc::write_timed_out, Side::client};
            leave(reset_for(overdue));
            fail(overdue);
        }
    }
    outgoing_ = {};
    // What came after the end does not matter any more.
    if (failure_ && !(state_ == State::ended && end_sent_)) co_return *failure_;
    co_return Result<void>{};
}

void H2Exchange::break_off(const Failure& why) noexcept {
    if (state_ == State::complete || failure_) return;
    leave(reset_for(why));
    fail(broken_off);
}

void H2Exchange::leave(H2Reset why) noexcept {
    if (stream_ != 0) frames_.reset(std::exchange(stream_, 0), why);
}

void H2Exchange::fail(const Failure& failure) {
    if (!failure_) failure_ = failure;
    if (state_ != State::complete && !end_sent_) state_ = State::broken;
    outgoing_ = {};
    trailers_out_ = nullptr;
    receivable_.notify();
    sent_.notify();
}

void H2Exchange::watch_client(net::PeerCloseListener* listener) {
    listener_ = listener;
    if (failure_) tell_gone();
}

void H2Exchange::tell_gone() noexcept {
    if (listener_ != nullptr) std::exchange(listener_, nullptr)->peer_closed();
}

Task<void> H2Exchange::end() {
    listener_ = nullptr;
    if (state_ != State::complete) break_off(broken_off);
    if (stream_ != 0) co_await skip_rest_of_body();
    leave(H2Reset::complete);
    receivable_.expect_no_more();
    sent_.expect_no_more();
    received_.clear();
}

Task<void> H2Exchange::skip_rest_of_body() {
    is_skipping_ = true;
    received_.clear();
    receivable_.expect_by(Deadline::after(loop_.now(), longest_skipping));
    while (stream_ != 0 && !end_received_ && !receivable_.is_overdue()) {
        frames_.offer(stream_, window_.bytes(), 0);
        co_await receivable_.wait();
    }
}

void H2Exchange::take_field(Bytes name, Bytes value) { request_.take_field(name, value); }

bool H2Exchange::take_trailer(Bytes name, Bytes value) {
    return request_.take_trailer(name, value, trailers_);
}

void H2Exchange::end_head(bool is_end) {
    end_received_ = is_end;
    const auto framing = request_.finish(is_end);
    if (!framing) {
        refusal_ = framing.error();
        return;
    }
    framing_ = *framing;
    if (const auto checked = check_request(head(), framing_, limits_); !checked) {
        refusal_ = checked.error();
    }
    owes_continue_ = !is_end && waits_for_continue(head());
}

void H2Exchange::take_data(Bytes data) {
    if (is_skipping_) return receivable_.notify();
    if (receive_failure_ || refusal_) return;
    request_bytes_ += data.size();
    if (limits_.body_bytes > 0 && request_bytes_ > limits_.body_bytes) {
        receive_failure_ = Failure{Errc::body_too_large, Side::client};
    } else if (!received_.is_empty() && limits_.memory != nullptr && limits_.memory->is_full()) {
        // All streams' windows together are more than there is: whose handler is behind gets no
        // more, and neither does its client.
        receive_failure_ = Failure{Errc::memory_exhausted, Side::self};
    } else {
        received_.append(data);
        if (sent_.has_waiter()) expect_to_be_read();
    }
    receivable_.notify();
}

void H2Exchange::take_end() {
    end_received_ = true;
    receivable_.notify();
}

std::size_t H2Exchange::sendable(std::size_t room) const {
    return std::min(room, outgoing_.size());
}

void H2Exchange::move_body_to(std::string& out, std::size_t size) {
    out.append(outgoing_.substr(0, size));
    outgoing_.remove_prefix(size);
    response_bytes_ += size;
    if (size > 0) expect_to_be_read();
    if (is_all_sent()) sent_.notify();
}

H2Exchange::BodyEnd H2Exchange::end_after(std::size_t size) const {
    if (state_ != State::ended || size < outgoing_.size()) return BodyEnd::open;
    return trailers_out_ != nullptr ? BodyEnd::before_trailers : BodyEnd::here;
}

void H2Exchange::note_head_sent() {
    if (interim_heads_out_ == 0) return;
    --interim_heads_out_;
    sent_.notify();
}

void H2Exchange::note_end_sent() {
    end_sent_ = true;
    sent_.notify();
}

void H2Exchange::closed(const std::optional<Failure>& failure) {
    stream_ = 0;
    if (failure && !is_running && !refusal_) refusal_ = failure;
    if (failure) fail(*failure);
    if (is_skipping_) receivable_.notify();
}

}  // namespace nikawa::client
