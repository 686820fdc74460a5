#include "client/h2_connection.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "client/lingering.hpp"
#include "nikawa/http/h2_error.hpp"

namespace nikawa::client {
namespace {

using State = net::IoResult::State;

// The connection's window bounds only what is in flight: it is given back on arrival, and each
// stream's as its handler takes the bytes.
constexpr std::int32_t connection_window = 16 * 1024 * 1024;

// Takes a dozen requests at the first read; more when that was not enough.
constexpr std::size_t read_capacity = 8 * 1024;
constexpr std::size_t largest_read_capacity = 64 * 1024;

// The library ends a connection for a larger field, and for the frames that more would come in.
constexpr std::size_t largest_head = 64 * 1024;

// What describes one connection of HTTP/1.1 makes a message of HTTP/2 malformed (RFC 9113 §8.2.2).
constexpr bool is_of_http_1_connection(http::FieldId id) {
    switch (id) {
        case http::FieldId::connection:
        case http::FieldId::keep_alive:
        case http::FieldId::proxy_connection:
        case http::FieldId::transfer_encoding:
        case http::FieldId::upgrade: return true;
        default: return false;
    }
}

// Three digits, as the parsers have seen to.
struct StatusText {
    explicit StatusText(unsigned status) {
        size = static_cast<std::size_t>(
            std::to_chars(digits.data(), digits.data() + digits.size(), status).ptr -
            digits.data());
    }
    [[nodiscard]] Bytes text() const { return {digits.data(), size}; }

    std::array<char, 4> digits{};
    std::size_t size;
};

}  // namespace

H2Connection::H2Connection(const Parts& parts)
    : TurnFlush(parts.loop),
      loop_(parts.loop),
      stream_(parts.stream),
      inactivity_(parts.inactivity),
      handler_(parts.handler),
      limits_(parts.limits),
      client_address_(parts.client_address),
      idle_listener_(parts.idle_listener),
      session_(h2::make_session(h2::Role::server, Callbacks::shared(), this)),
      guard_(parts.loop.now()),
      wind_down_(parts.loop) {
    const std::array settings{
        nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.max_streams},
        nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                               static_cast<std::uint32_t>(limits_.first_stream_window)},
        nghttp2_settings_entry{
            NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
            static_cast<std::uint32_t>(std::min(limits_.head.head_bytes, largest_head))},
    };
    nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, connection_window);
    mark_dirty();
}

H2Connection::~H2Connection() = default;

Task<void> H2Connection::run(net::ReadBuffer buffer) {
    buffer_ = std::move(buffer);
    buffer_.take(h2_preface.size());
    auto capacity = read_capacity;
    if (!buffer_.unread().empty()) feed(buffer_.unread());
    buffer_.take(buffer_.unread().size());
    await_what_is_due();
    while (!is_over_) {
        if (live_.empty()) buffer_.release();
        const auto room = buffer_.room(capacity);
        const auto got = stream_.try_read(room);
        if (got.state == State::done) {
            const bool was_all = got.bytes < room.size();
            capacity = was_all ? read_capacity : largest_read_capacity;
            feed({room.data(), got.bytes});
            await_what_is_due();
            if (!was_all) {
                co_await loop_.yield();  // what filled the buffer is handed on before more
                continue;
            }
        } else if (got.state != State::would_block) {
            cut({Errc::client_gone, Side::client, got.error});
            break;
        }
        if (is_over_) break;
        if (live_.empty()) buffer_.release();
        co_await stream_.wait_readable();
        heed_time();
    }
    note_idle(false);
    lose_all(end_);
    if (!is_cut_) co_await linger(loop_, stream_, inactivity_, limits_.linger);
    stream_.close();
    while (!live_.empty() || is_waiting_for_room_) co_await wind_down_.wait();
}

void H2Connection::await_what_is_due() {
    if (head_stream_ != 0) return await(Awaited::rest_of_head);
    await(live_.empty() ? Awaited::request : Awaited::anything);
}

void H2Connection::await(Awaited awaited) {
    if (is_over_) return;
    note_idle(awaited == Awaited::request && leaving_ == Leaving::no);
    if (awaited == awaited_) return;
    awaited_ = awaited;
    switch (awaited) {
        case Awaited::request:
            input_deadline_ = Deadline::after(loop_.now(), limits_.idle_timeout);
            inactivity_.expect_input_by(
                std::min(input_deadline_, Deadline{loop_.now() + memory_kept}));
            return;
        case Awaited::rest_of_head:
            input_deadline_ = Deadline::after(loop_.now(), limits_.head_timeout);
            break;
        case Awaited::anything: input_deadline_ = Deadline::none(); break;
    }
    inactivity_.expect_input_by(input_deadline_);
}

// Nothing came by the time that was set.
void H2Connection::heed_time() {
    if (is_over_ || !inactivity_.is_input_overdue()) return;
    if (loop_.now() >= input_deadline_.at()) {
        inactivity_.expect_input_by(Deadline::none());
        if (head_stream_ != 0) end_ = {Errc::head_timed_out, Side::client};
        return terminate(NGHTTP2_NO_ERROR);
    }
    release_memory();
    inactivity_.expect_input_by(input_deadline_);
}

void H2Connection::release_memory() {
    if (!live_.empty()) return;
    // Not assignments: what is assigned an empty one keeps its memory.
    std::exchange(spare_, {});
    std::exchange(exchanges_, {});
    std::exchange(live_, {});
    std::exchange(begun_, {});
    std::exchange(closed_, {});
    std::exchange(pairs_, {});
    output_.release_memory(0);
}

void H2Connection::note_idle(bool is_idle) {
    if (idle_listener_ == nullptr || is_idle == is_idle_) return;
    is_idle_ = is_idle;
    is_idle ? idle_listener_->became_idle() : idle_listener_->became_busy();
}

H2Exchange* H2Connection::open_exchange(std::int32_t stream) {
    if (spare_.empty()) {
        exchanges_.push_back(std::make_unique<H2Exchange>(
            loop_, static_cast<H2Frames&>(*this), limits_, client_address_));
        spare_.push_back(exchanges_.back().get());
    }
    H2Exchange* const exchange = spare_.back();
    spare_.pop_back();
    exchange->start(stream);
    exchange->live_index = live_.size();
    live_.push_back(exchange);
    return exchange;
}

void H2Connection::let_go(H2Exchange& exchange) noexcept {
    H2Exchange* const last = live_.back();
    live_[exchange.live_index] = last;
    last->live_index = exchange.live_index;
    live_.pop_back();
    spare_.push_back(&exchange);
    if (is_over_) return wind_down_.notify();
    await_what_is_due();
    mark_dirty();  // this may be the last one before we leave
}

void H2Connection::start(H2Exchange& exchange) {
    exchange.is_running = true;
    loop_.spawn(serve(exchange));
}

Task<void> H2Connection::serve(H2Exchange& exchange) {
    if (const auto& refusal = exchange.refusal()) {
        const Failure failure = *refusal;
        co_await handler_.refuse(exchange, failure);
    } else {
        co_await handler_.handle(exchange);
    }
    co_await exchange.end();
    let_go(exchange);
}

void H2Connection::feed(Bytes bytes) {
    if (is_terminated_) return;
    switch (h2::feed(session_.get(), guard_, bytes, loop_.now())) {
        case h2::Fed::whole: break;
        case h2::Fed::flood: terminate(NGHTTP2_ENHANCE_YOUR_CALM); break;
        case h2::Fed::malformed: terminate(NGHTTP2_PROTOCOL_ERROR); break;
    }
    settle();
    mark_dirty();  // it may have queued SETTINGS, PING or a GOAWAY that says what was wrong
}

// Sees to what nghttp2's callbacks have only recorded.
void H2Connection::settle() {
    for (H2Exchange* const exchange : begun_) {
        // Reset at once: it is among those that closed.
        if (!exchange->is_gone()) start(*exchange);
    }
    begun_.clear();
    for (H2Exchange* const exchange : closed_) {
        // Nobody to answer, but something to log.
        exchange->is_running ? exchange->tell_gone() : start(*exchange);
    }
    closed_.clear();
    if (std::exchange(was_notice_answered_, false) && leaving_ == Leaving::announced) leave();
}

void H2Connection::leave() {
    if (leaving_ == Leaving::said || is_terminated_) return;
    leaving_ = Leaving::said;
    nghttp2_submit_goaway(session_.get(),
                          NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_.get()),
                          NGHTTP2_NO_ERROR,
                          nullptr,
                          0);
    mark_dirty();
}

void H2Connection::put_field(Bytes name, Bytes value) {
    // A value that never comes again would only push useful ones out of HPACK's table.
    const bool is_unique = http::equal_ignoring_case(name, limits_.unindexed_field);
    pairs_.push_back(
        h2::pair(name, value, is_unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE));
}

// A Content-Length leaves once and as one number, as over HTTP/1.1; `pairs_` points to what lives
// until the head is queued.
void H2Connection::put_head(const http::ResponseHead& head) {
    bool is_length_due = head.status >= 200 && head.status != 204;
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const http::Field field = head.fields[i];
        if (is_of_http_1_connection(field.id)) continue;
        if (field.id == http::FieldId::content_length) {
            if (!std::exchange(is_length_due, false)) continue;
            if (!http::agreed_length(head.fields)) continue;
            put_field(field.name, field.value.substr(0, field.value.find(',')));
            continue;
        }
        put_field(field.name, field.value);
    }
}

void H2Connection::submit_interim(std::int32_t stream, const http::ResponseHead& head) {
    const StatusText status{head.status};
    pairs_.clear();
    put_field(":status", status.text());
    put_head(head);
    nghttp2_submit_headers(
        session_.get(), NGHTTP2_FLAG_NONE, stream, nullptr, pairs_.data(), pairs_.size(), nullptr);
    mark_dirty();
}

bool H2Connection::submit_response(std::int32_t stream,
                                   const http::ResponseHead& head,
                                   bool has_body) {
    const StatusText status{head.status};
    pairs_.clear();
    put_field(":status", status.text());
    put_head(head);
    const auto body = Callbacks::body();
    const int refused = nghttp2_submit_response(
        session_.get(), stream, pairs_.data(), pairs_.size(), has_body ? &body : nullptr);
    mark_dirty();
    return refused == 0;
}

void H2Connection::resume_sending(std::int32_t stream) {
    nghttp2_session_resume_data(session_.get(), stream);
    mark_dirty();
}

void H2Connection::submit_trailers(std::int32_t stream, const http::FieldBlock& trailers) {
    pairs_.clear();
    for (std::size_t i = 0; i < trailers.size(); ++i) {
        if (is_of_http_1_connection(trailers[i].id)) continue;
        put_field(trailers[i].name, trailers[i].value);
    }
    nghttp2_submit_trailer(session_.get(), stream, pairs_.data(), pairs_.size());
}

void H2Connection::offer(std::int32_t stream, std::size_t window, std::size_t unread) {
    if (h2::offer(session_.get(), stream, window, unread)) mark_dirty();
}

void H2Connection::expect_unwanted(std::int32_t stream) {
    const auto promised = std::max<std::int64_t>(h2::promised(session_.get(), stream), 0);
    guard_.expect_unwanted(static_cast<std::uint64_t>(promised));
}

void H2Connection::reset(std::int32_t stream, H2Reset why) {
    expect_unwanted(stream);
    nghttp2_session_set_stream_user_data(session_.get(), stream, nullptr);
    nghttp2_submit_rst_stream(
        session_.get(), NGHTTP2_FLAG_NONE, stream, static_cast<std::uint32_t>(why));
    mark_dirty();
}

// A first GOAWAY that refuses nothing yet, for requests that are under way to us, and when the
// client has seen it one that does (RFC 9113 §6.8).
void H2Connection::drain() noexcept {
    if (leaving_ != Leaving::no || is_over_ || is_terminated_) return;
    if (live_.empty()) {
        terminate(NGHTTP2_NO_ERROR);
        flush();
        is_over_ = is_cut_ = true;  // whoever drains an idle connection wants its descriptor
        return stream_.close();
    }
    leaving_ = Leaving::announced;
    nghttp2_submit_shutdown_notice(session_.get());
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
    mark_dirty();
}

void H2Connection::close() noexcept { cut({Errc::client_gone, Side::client}); }

void H2Connection::note_error(std::uint32_t error) noexcept {
    end_ = {Errc::connection_error, Side::client, http::h2_error(error)};
}

// GOAWAY, and then there is nothing more to say, or to hear.
void H2Connection::terminate(std::uint32_t error) noexcept {
    is_terminated_ = true;
    if (error != NGHTTP2_NO_ERROR) note_error(error);
    nghttp2_session_terminate_session(session_.get(), error);
    if (is_blocked_) return cut(end_);
    mark_dirty();
}

void H2Connection::cut(const Failure& why) noexcept {
    if (is_over_) return;
    is_over_ = is_cut_ = true;
    // The kernel need not keep what a client that has stopped reading will never take.
    why.code == Errc::write_timed_out ? stream_.abort() : stream_.close();
    lose_all(why);
}

// To whoever serves an exchange it is as if the client had hung up. It was the head in the middle
// of which a connection broke, if there is one, that was wrong.
void H2Connection::lose_all(const Failure& why) noexcept {
    begun_.clear();
    closed_.clear();
    for (H2Exchange* const exchange : std::vector{live_}) {
        const bool is_culprit =
            why.code == Errc::connection_error && exchange->stream() == head_stream_;
        exchange->closed(is_culprit ? Failure{Errc::bad_head, why.side, why.cause} : why);
        exchange->is_running ? exchange->tell_gone() : start(*exchange);
    }
}

void H2Connection::flush() noexcept {
    if (leaving_ != Leaving::no && live_.empty() && !is_over_ && !is_terminated_) {
        terminate(NGHTTP2_NO_ERROR);
    }
    while (!is_over_ && !is_blocked_ && output_.gather(session_.get())) {
        const auto sent = output_.write_to(stream_);
        if (sent.state == State::done) {
            output_deadline_ = Deadline::none();
        } else if (sent.state == State::would_block) {
            // Time runs from the last byte that the socket took.
            if (output_deadline_.is_none()) {
                output_deadline_ = Deadline::after(loop_.now(), limits_.write_timeout);
            }
            inactivity_.expect_output_by(output_deadline_);
            is_blocked_ = true;
            if (!std::exchange(is_waiting_for_room_, true)) loop_.spawn(wait_for_room());
        } else {
            cut({Errc::client_gone, Side::client, sent.error});
        }
    }
    if (is_over_) return;
    settle();
    if (is_blocked_) return;
    if (live_.empty()) output_.release_memory();
    if (h2::is_over(session_.get())) {
        is_over_ = true;
        stream_.wake();
    }
}

Task<void> H2Connection::wait_for_room() {
    co_await stream_.wait_writable();
    is_waiting_for_room_ = is_blocked_ = false;
    if (!is_over_ && inactivity_.is_output_overdue()) cut({Errc::write_timed_out, Side::client});
    inactivity_.expect_output_by(Deadline::none());
    if (is_over_) {
        wind_down_.notify();
    } else {
        mark_dirty();
    }
}

}  // namespace nikawa::client
