#include "origin/h2_stream.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "nikawa/http/h1_body_decoder.hpp"

namespace nikawa::origin {
namespace {

// How long the end of a response that is otherwise whole may take.
constexpr Duration linger_time = std::chrono::seconds{5};

// HPACK's own measure of a field, RFC 7541 §4.1.
constexpr std::size_t field_overhead = 32;

}  // namespace

H2Stream::H2Stream(loop::Loop& loop, H2Connection& connection, const H2Limits& limits)
    : loop_(loop),
      connection_(connection),
      limits_(limits),
      received_(loop),
      sent_(loop),
      deadlines_(loop, *this),
      interim_allowance_(limits.interim_heads, loop.now()),
      body_(limits.memory),
      window_(limits.first_stream_window, limits.stream_window) {}

void H2Stream::start(const StreamTimeouts& timeouts) {
    deadlines_.start(timeouts);
    id_ = 0;
    submitted_ = settings_seen_ = false;
    failure_.reset();
    announced_.reset();
    outgoing_ = {};
    request_complete_ = false;
    request_trailers_ = nullptr;
    section_ = Section::head;
    response_begun_ = head_complete_ = end_received_ = false;
    section_bytes_ = interim_bytes_ = 0;
    head_.clear();
    interim_.clear();
    interim_allowance_ = InterimAllowance{limits_.interim_heads, loop_.now()};
    framing_ = http::NoBody{};
    response_left_.reset();
    trailers_.clear();
    window_.start();
    doubted_ = false;
    received_.reset();
    sent_.reset();
}

Result<void> H2Stream::send_head(const http::RequestHead& head, const http::BodyFraming& framing) {
    if (failure_) return *failure_;
    is_head_request_ = head.method == "HEAD";
    if (const auto* sized = std::get_if<http::Sized>(&framing)) announced_ = sized->bytes;
    request_complete_ =
        std::holds_alternative<http::NoBody>(framing) || announced_ == std::uint64_t{0};
    const auto id = connection_.submit(*this, head, !request_complete_);
    if (!id) return id.error();
    id_ = *id;
    submitted_ = true;
    if (request_complete_) deadlines_.note_request_complete();
    return {};
}

Task<Result<void>> H2Stream::send_body(Bytes bytes) {
    if (failure_) co_return *failure_;
    if (bytes.empty() || end_received_) co_return Result<void>{};
    if (announced_) {
        if (bytes.size() > *announced_) co_return Failure{Errc::bad_framing, Side::client};
        *announced_ -= bytes.size();
    }
    outgoing_ = bytes;
    co_return co_await wait_until_queued();
}

Task<Result<void>> H2Stream::finish_body(Bytes bytes, const http::FieldBlock& trailers) {
    if (failure_) co_return *failure_;
    if (request_complete_ || end_received_) co_return Result<void>{};
    if (announced_ && *announced_ != bytes.size()) {
        co_return Failure{Errc::bad_framing, Side::client};
    }
    request_complete_ = true;
    outgoing_ = bytes;
    if (!trailers.empty()) request_trailers_ = &trailers;
    co_return co_await wait_until_queued();
}

// What is sent lies with the caller.
Task<Result<void>> H2Stream::wait_until_queued() {
    connection_.resume_sending(id_);
    deadlines_.set_sending(true);
    while (!is_all_queued() && !failure_ && !end_received_) co_await sent_.wait();
    deadlines_.set_sending(false);
    // An origin that has answered without it is not to take what it has for the whole.
    if (!is_all_queued()) request_complete_ = false;
    outgoing_ = {};
    request_trailers_ = nullptr;
    if (failure_) co_return *failure_;
    if (request_complete_) deadlines_.note_request_complete();
    co_return Result<void>{};
}

Task<Result<http::ResponseHead*>> H2Stream::receive_head() {
    if (!has_head()) {
        deadlines_.set_awaiting(true);
        while (!has_head() && !doubted_) co_await received_.wait();
        deadlines_.set_awaiting(false);
        doubted_ = false;
    }
    if (!interim_.empty()) {
        given_interim_ = std::move(interim_.front().head);
        drop_oldest_interim();
        deadlines_.note_interim_given();
        co_return &given_interim_;
    }
    if (head_complete_) {
        deadlines_.note_head_given();
        co_return &head_;
    }
    if (failure_) co_return *failure_;
    co_return Failure{Errc::path_in_doubt, Side::origin};
}

void H2Stream::doubt() noexcept {
    const bool nothing_came = !response_begun_ && !failure_;
    if (!nothing_came || !received_.has_waiter() || deadlines_.is_sending()) return;
    doubted_ = true;
    received_.notify();
}

bool H2Stream::has_body_ready() const {
    return !body_.is_empty() || end_received_ || failure_.has_value();
}

Task<Result<Bytes>> H2Stream::receive_body() {
    ask_for_more();
    if (!has_body_ready()) {
        deadlines_.set_awaiting(true);
        while (!has_body_ready()) co_await received_.wait();
        deadlines_.set_awaiting(false);
    }
    if (!body_.is_empty()) co_return body_.take();
    if (end_received_) co_return Bytes{};
    co_return *failure_;
}

// The piece that the holder had gives its room back to the origin, and more if there was not enough
// for so quick a holder.
void H2Stream::ask_for_more() {
    const auto bytes = body_.drop_taken();
    if (bytes == 0) return;
    if (body_.is_empty() && window_.bytes() <= connection_.largest_window()) window_.grow(bytes);
    renew_offer();
}

void H2Stream::renew_offer() {
    if (id_ == 0 || end_received_) return;
    const auto window = std::min(window_.bytes(), connection_.largest_window());
    connection_.offer(id_, window, body_.unread());
}

void H2Stream::abandon(const Failure& why) noexcept {
    if (id_ != 0) connection_.reset(std::exchange(id_, 0));
    fail(why);
    if (lingering_) let_go();
}

// An origin may end its message by a frame of its own, some time after the last byte that it had
// announced. Its holder need not wait for that, and a reset would be uncalled for: the stream waits
// by itself, for a while.
void H2Stream::release() noexcept {
    const bool only_the_end_is_due =
        id_ != 0 && response_left_ == std::uint64_t{0} && request_complete_ && outgoing_.empty();
    if (!only_the_end_is_due) {
        if (id_ != 0) connection_.reset(std::exchange(id_, 0));
        return let_go();
    }
    lingering_ = true;
    deadlines_.start({.response_head = {}, .response_body = linger_time, .write = {}});
    deadlines_.note_head_given();
    deadlines_.set_awaiting(true);
}

void H2Stream::let_go() noexcept {
    lingering_ = false;
    deadlines_.stop();
    body_.clear();
    connection_.released(*this);
}

void H2Stream::fail(const Failure& failure) {
    if (!failure_ && !is_complete()) failure_ = failure;
    received_.notify();
    sent_.notify();
}

void H2Stream::begin_head() {
    if (head_complete_) section_ = Section::trailers;
    section_bytes_ = section_fields_ = 0;
    response_begun_ = true;
}

H2Stream::Taken H2Stream::take_field(Bytes name, Bytes value) {
    section_bytes_ += name.size() + value.size() + field_overhead;
    if (section_bytes_ > limits_.head_bytes || ++section_fields_ > limits_.fields) {
        fail({Errc::response_head_too_large, Side::origin});
        return Taken::refused;
    }
    if (section_ == Section::trailers) {
        const http::Field field{http::field_id(name), name, value};
        if (http::may_be_trailer(field)) trailers_.add(name, value);
    } else if (name == ":status") {
        head_.clear();
        head_.version = http::Version::http_2;
        std::from_chars(value.data(), value.data() + value.size(), head_.status);
    } else {
        head_.fields.add(name, value);
    }
    return Taken::yes;
}

void H2Stream::end_head(bool end_of_stream) {
    if (section_ == Section::trailers) return take_end();
    if (head_.status < 100) return abandon({Errc::malformed, Side::origin});  // RFC 9110 §15
    if (head_.status < 200) {
        if (!interim_allowance_.spend(loop_.now())) return abandon(interim_flood());
        connection_.note_interim();
        keep_interim();
    } else {
        const auto framing = http::response_framing(is_head_request_ ? "HEAD" : "", head_);
        if (!framing) return abandon(framing.error());
        framing_ = *framing;
        if (end_of_stream) {
            if (std::holds_alternative<http::Chunked>(framing_)) framing_ = http::Sized{0};
            end_received_ = true;
        }
        if (const auto* sized = std::get_if<http::Sized>(&framing_)) response_left_ = sized->bytes;
        if (std::holds_alternative<http::NoBody>(framing_)) response_left_ = 0;
        head_complete_ = true;
    }
    received_.notify();
    if (end_received_) sent_.notify();
}

// A client that is slow to take them misses the oldest, which tell least by then: all that are kept
// are not longer than one head may be.
void H2Stream::keep_interim() {
    interim_.push_back({std::exchange(head_, {}), section_bytes_});
    interim_bytes_ += section_bytes_;
    while (interim_bytes_ > limits_.head_bytes) drop_oldest_interim();
}

void H2Stream::drop_oldest_interim() {
    interim_bytes_ -= interim_.front().bytes;
    interim_.erase(interim_.begin());
}

void H2Stream::take_data(Bytes data) {
    if (response_left_) *response_left_ -= std::min<std::uint64_t>(*response_left_, data.size());
    body_.append(data);
    received_.notify();
}

void H2Stream::take_end() {
    end_received_ = true;
    received_.notify();
    sent_.notify();
}

std::size_t H2Stream::sendable(std::size_t room) const { return std::min(room, outgoing_.size()); }

void H2Stream::move_body_to(std::string& out, std::size_t size) {
    out.append(outgoing_.substr(0, size));
    outgoing_.remove_prefix(size);
    if (size > 0) deadlines_.note_sent();
    if (outgoing_.empty()) sent_.notify();
}

H2Stream::BodyEnd H2Stream::end_after(std::size_t size) const {
    if (!request_complete_ || size < outgoing_.size()) return BodyEnd::open;
    return request_trailers_ != nullptr ? BodyEnd::before_trailers : BodyEnd::here;
}

const http::FieldBlock& H2Stream::trailers_to_send() {
    sent_.notify();
    return *std::exchange(request_trailers_, nullptr);
}

void H2Stream::closed(std::optional<Failure> failure) {
    id_ = 0;
    if (failure) fail(*failure);
    received_.notify();
    sent_.notify();
    if (lingering_) let_go();
}

}  // namespace nikawa::origin
