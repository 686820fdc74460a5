#include "nikawa/origin/h2_session.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "nikawa/http/h2_error.hpp"
#include "origin/h2_session_impl.hpp"
#include "origin/session_end.hpp"

namespace nikawa::origin {
namespace {

// A peer that has not sent its SETTINGS yet is taken to allow this many (RFC 9113 §6.5.2 recommends
// that no peer allows fewer).
constexpr std::uint32_t streams_before_settings = 100;

// The connection's window bounds only what is in flight: it is given back on arrival.
constexpr std::int32_t connection_window = 64 * 1024 * 1024;

constexpr Failure unsent{Errc::stream_refused, Side::origin};

constexpr std::size_t widest = NGHTTP2_MAX_WINDOW_SIZE;

}  // namespace

H2Session::Impl::Impl(H2Session& session,
                      loop::Loop& loop,
                      net::Dialled dialled,
                      const H2Limits& limits,
                      MutableBytes scratch)
    : TurnFlush(loop),
      self(session),
      address(dialled.stream->peer_address()),
      idle_since(loop.now()),
      last_heard(loop.now()),
      loop_(loop),
      limits_(limits),
      stream_(std::move(dialled.stream)),
      scratch_(scratch),
      session_(h2::make_session(h2::Role::client, Callbacks::shared(), this)),
      small_windows_(limits.memory != nullptr && limits.memory->is_short()),
      guard_(loop.now()),
      write_blocked_event_(loop),
      write_watchdog_(loop.deadlines(), *this),
      wind_down_(loop) {
    const std::array settings{
        nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                               static_cast<std::uint32_t>(first_window())},
        nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                               static_cast<std::uint32_t>(limits.head_bytes)},
    };
    nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, connection_window);
    mark_dirty();
}

H2Session::Impl::~Impl() { assert(leases_ == 0 && "a session outlives its streams"); }

std::size_t H2Session::Impl::max_streams() const {
    const std::size_t peer = settings_seen_
                                 ? nghttp2_session_get_remote_settings(
                                       session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
                                 : streams_before_settings;
    return std::min(peer, limits_.max_streams);
}

std::size_t H2Session::Impl::capacity() const {
    const auto limit = max_streams();
    return limit > open_streams && !is_retired() ? limit - open_streams : 0;
}

StreamLease H2Session::Impl::open_stream(const StreamTimeouts& timeouts) {
    assert(capacity() > 0);
    if (spare_.empty()) {
        streams_.push_back(std::make_unique<H2Stream>(loop_, *this, limits_));
        spare_.push_back(streams_.back().get());
    }
    H2Stream& stream = *spare_.back();
    spare_.pop_back();
    stream.start(timeouts);
    stream.live_index = live_.size();
    live_.push_back(&stream);
    ++leases_;
    ++open_streams;
    return StreamLease{stream};
}

Result<std::int32_t> H2Session::Impl::submit(H2Stream& stream,
                                             const http::RequestHead& head,
                                             bool has_body) {
    if (is_retired()) return unsent;
    heed_memory();
    pairs_.clear();
    pairs_.push_back(h2::pair(":method", head.method));
    pairs_.push_back(h2::pair(":scheme", "https"));
    pairs_.push_back(h2::pair(":authority", head.fields.find(http::FieldId::host).value_or("")));
    pairs_.push_back(h2::pair(":path", head.target));
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const http::Field field = head.fields[i];
        if (field.id == http::FieldId::host) continue;
        // A value that never comes again would only push useful ones out of HPACK's table.
        const bool unique = field.id == http::FieldId::traceparent ||
                            (field.id == http::FieldId::other &&
                             http::equal_ignoring_case(field.name, limits_.unindexed_field));
        pairs_.push_back(h2::pair(
            field.name, field.value, unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE));
    }
    const auto body = Callbacks::body();
    const auto id = nghttp2_submit_request(
        session_.get(), nullptr, pairs_.data(), pairs_.size(), has_body ? &body : nullptr, &stream);
    if (id < 0) return unsent;
    if (settings_seen_) stream.note_settings_seen();
    guard_.earn(http::FrameAllowance::of_request);
    mark_dirty();
    return id;
}

void H2Session::Impl::resume_sending(std::int32_t stream_id) {
    nghttp2_session_resume_data(session_.get(), stream_id);
    mark_dirty();
}

void H2Session::Impl::submit_trailers(std::int32_t stream_id, const http::FieldBlock& trailers) {
    pairs_.clear();
    for (std::size_t i = 0; i < trailers.size(); ++i) {
        pairs_.push_back(h2::pair(trailers[i].name, trailers[i].value));
    }
    nghttp2_submit_trailer(session_.get(), stream_id, pairs_.data(), pairs_.size());
}

std::size_t H2Session::Impl::first_window() const {
    const auto most = small_windows_ ? limits_.short_window : limits_.stream_window;
    return std::min({limits_.first_stream_window, most, widest});
}

std::size_t H2Session::Impl::largest_window() const {
    // SETTINGS that are under way are going to move every window.
    const bool small = small_windows_ || settings_out_;
    return std::min(small ? limits_.short_window : limits_.stream_window, widest);
}

void H2Session::Impl::offer(std::int32_t stream_id, std::size_t window, std::size_t unread) {
    heed_memory();
    if (h2::offer(session_.get(), stream_id, window, unread)) mark_dirty();
}

// SETTINGS take away what streams were promised and have not been sent yet, too.
void H2Session::Impl::heed_memory() {
    if (limits_.memory == nullptr || settings_out_ || ended_) return;
    const auto& memory = *limits_.memory;
    if (small_windows_ ? !memory.has_room() : !memory.is_short()) return;
    small_windows_ = !small_windows_;
    settings_out_ = true;
    const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                        static_cast<std::uint32_t>(first_window())};
    nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, &window, 1);
    mark_dirty();
}

// What the origin may send on a stream until it hears that we have left it: what it was promised,
// and what SETTINGS that are under way promise.
void H2Session::Impl::expect_unwanted(std::int32_t stream_id) {
    const auto more = std::max<std::int64_t>(h2::promised(session_.get(), stream_id), 0);
    guard_.expect_unwanted(static_cast<std::uint64_t>(more) + limits_.first_stream_window);
}

void H2Session::Impl::reset(std::int32_t stream_id) {
    expect_unwanted(stream_id);
    nghttp2_session_set_stream_user_data(session_.get(), stream_id, nullptr);
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_CANCEL);
    // Its place at the origin is free once the reset is written, which this turn does.
    --open_streams;
    capacity_moved_ = true;
    mark_dirty();
}

void H2Session::Impl::released(H2Stream& stream) noexcept {
    H2Stream* const last = live_.back();
    live_[stream.live_index] = last;
    last->live_index = stream.live_index;
    live_.pop_back();
    spare_.push_back(&stream);
    if (stream.is_unsent()) --open_streams;
    if (--leases_ == 0) idle_since = loop_.now();
    if (ended_) return wind_down_.notify();
    // The rest is seen to at the end of the turn: this may be a callback of nghttp2's.
    capacity_moved_ = true;
    mark_dirty();
}

void H2Session::Impl::drain() noexcept {
    draining_ = true;
    note_end(SessionEnd::ours);
    end_when_drained();
}

void H2Session::Impl::probe() {
    if (ended_ || std::exchange(ping_out_, true)) return;
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
    mark_dirty();
}

void H2Session::Impl::doubt() noexcept {
    for (H2Stream* const stream : live_) stream->doubt();
}

SessionEnd H2Session::Impl::end_cause() const {
    const bool is_out_of_streams = end_cause_ == SessionEnd::none && is_retired();
    return is_out_of_streams ? SessionEnd::limit : end_cause_;
}

// GOAWAY tells the peer that we go; then there is nothing more to say.
void H2Session::Impl::end_when_drained() noexcept {
    if (leases_ != 0 || ended_ || !is_retired()) return;
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
    draining_ = true;
    mark_dirty();
}

void H2Session::Impl::close(const Failure& why) noexcept { end(why, SessionEnd::ours); }

// What the end of the session is to a stream that is open.
Failure H2Session::Impl::end_of_stream(const H2Stream& stream, const Failure& why) const {
    if (why.side != Side::origin) return why;
    if (is_unsent(stream)) return unsent;  // nghttp2 still held it back: the origin knows nothing
    // Of an origin that has spoken HTTP before, the session broke down like a connection; whom it
    // had told nothing yet may try another.
    const bool broke_down = why.code == Errc::malformed && has_answered_;
    if (broke_down && !stream.has_response_begun()) {
        return {Errc::peer_closed, Side::origin, why.cause};
    }
    return why;
}

void H2Session::Impl::end(const Failure& why, SessionEnd cause) noexcept {
    if (ended_) return;
    ended_ = true;
    note_end(cause);
    write_watchdog_.disarm();
    stream_->close();
    for (H2Stream* stream : std::vector{live_}) {  // one that lingers leaves the list
        if (!stream->is_open()) continue;
        stream->closed(end_of_stream(*stream, why));
    }
    open_streams = 0;
    write_blocked_event_.notify();
    wind_down_.notify();
}

Task<void> H2Session::Impl::run(SessionListener& listener) {
    listener_ = &listener;
    loop_.spawn(write_when_possible());
    while (!ended_) {
        const net::IoResult read = stream_->try_read(scratch_);
        switch (read.state) {
            case net::IoResult::State::done:
                last_heard = loop_.now();
                feed({scratch_.data(), read.bytes});
                if (read.bytes < scratch_.size()) {
                    co_await stream_->wait_readable();
                } else {
                    co_await loop_.yield();  // what filled the buffer is handed on before more
                }
                break;
            case net::IoResult::State::would_block: co_await stream_->wait_readable(); break;
            case net::IoResult::State::end:
            case net::IoResult::State::failed:
                end(failure_of_transport(read.error), end_of_transport(read.error));
                break;
        }
    }
    listener_->capacity_changed(self);
    while (leases_ != 0 || !writer_done_) co_await wind_down_.wait();
}

void H2Session::Impl::feed(Bytes bytes) {
    switch (h2::feed(session_.get(), guard_, bytes, loop_.now())) {
        case h2::Fed::whole: break;
        case h2::Fed::flood: return end_flood();
        case h2::Fed::malformed: return end({Errc::malformed, Side::origin}, SessionEnd::broken);
    }
    settle();
    // It may have queued SETTINGS, PING or WINDOW_UPDATE, or a GOAWAY that says what was wrong.
    mark_dirty();
    // At once: an exchange that a GOAWAY sends back to the pool must not find this session there.
    tell_capacity();
    if (!ended_ && std::exchange(tell_heard_, false)) listener_->heard(self);
}

// Sees to what nghttp2's callbacks have only recorded.
void H2Session::Impl::settle() {
    heed_memory();
    if (std::exchange(windows_moved_, false)) {
        for (H2Stream* const stream : live_) stream->renew_offer();
    }
    if (std::exchange(limits_moved_, false)) refuse_held_back();
}

// The peer takes fewer streams at once than before: requests that have not left need not wait for
// those that have.
void H2Session::Impl::refuse_held_back() {
    if (open_streams <= max_streams()) return;
    for (H2Stream* const stream : std::vector{live_}) {
        if (stream->is_open() && is_unsent(*stream)) stream->abandon(unsent);
    }
}

// More frames came than an honest origin would send.
void H2Session::Impl::end_flood() noexcept {
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
    if (write_blocked_) return end({Errc::malformed, Side::origin}, SessionEnd::broken);
    mark_dirty();
}

SessionEnd H2Session::Impl::end_of_transport(const boost::system::error_code& error) const {
    return open_streams == 0 ? end_while_idle(error) : SessionEnd::broken;
}

void H2Session::Impl::flush() noexcept {
    while (!ended_ && !write_blocked_ && output_.gather(session_.get())) {
        const net::IoResult write = output_.write_to(*stream_);
        if (write.state == net::IoResult::State::would_block) {
            write_blocked_ = true;
            write_watchdog_.arm(Deadline::after(loop_.now(), limits_.write_timeout));
            write_blocked_event_.notify();
        } else if (write.state != net::IoResult::State::done) {
            end(failure_of_transport(write.error), end_of_transport(write.error));
        }
    }
    if (leases_ == 0) output_.release_memory();
    if (!ended_ && h2::is_over(session_.get()) && output_.is_empty()) {
        // GOAWAY went out: ours when drained, or nghttp2's over a protocol error.
        stream_->shutdown_send();
        if (draining_) {
            end({Errc::pool_closed, Side::self}, SessionEnd::ours);
        } else {
            end({Errc::malformed, Side::origin, http::h2_error(error_told_)}, SessionEnd::broken);
        }
    }
    tell_capacity();
}

void H2Session::Impl::tell_capacity() noexcept {
    if (!std::exchange(capacity_moved_, false) || listener_ == nullptr || ended_) return;
    end_when_drained();
    listener_->capacity_changed(self);
}

Task<void> H2Session::Impl::write_when_possible() {
    while (!ended_) {
        co_await write_blocked_event_.wait();
        if (ended_) break;
        co_await stream_->wait_writable();
        write_blocked_ = false;
        write_watchdog_.disarm();
        mark_dirty();
    }
    writer_done_ = true;
    wind_down_.notify();
}

H2Session::H2Session(loop::Loop& loop,
                     net::Dialled dialled,
                     const H2Limits& limits,
                     MutableBytes scratch)
    : impl_(std::make_unique<Impl>(*this, loop, std::move(dialled), limits, scratch)) {}

H2Session::~H2Session() = default;

std::size_t H2Session::capacity() const { return impl_->capacity(); }
std::size_t H2Session::max_streams() const { return impl_->max_streams(); }
std::size_t H2Session::streams() const { return impl_->open_streams; }
bool H2Session::is_retired() const { return impl_->is_retired(); }
StreamLease H2Session::open_stream(const StreamTimeouts& timeouts) {
    return impl_->open_stream(timeouts);
}
void H2Session::drain() noexcept { impl_->drain(); }
void H2Session::close(const Failure& why) noexcept { impl_->close(why); }
Task<void> H2Session::run(SessionListener& listener) { return impl_->run(listener); }
const std::string& H2Session::peer_address() const { return impl_->address; }
TimePoint H2Session::idle_since() const { return impl_->idle_since; }
TimePoint H2Session::last_heard() const { return impl_->last_heard; }
bool H2Session::has_answered() const { return impl_->has_answered; }
net::PathReport H2Session::path() const { return impl_->transport().path(); }
void H2Session::probe() { impl_->probe(); }
void H2Session::call_when_heard() { impl_->call_when_heard(); }
void H2Session::doubt() noexcept { impl_->doubt(); }
SessionEnd H2Session::end_cause() const { return impl_->end_cause(); }
bool H2Session::is_confirmed() const { return impl_->transport().is_confirmed(); }

}  // namespace nikawa::origin
