#include "nikawa/origin/h2_session.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <vector>

#include "nikawa/base/library_category.hpp"
#include "origin/h2_stream.hpp"

namespace nikawa::origin {
namespace {

using SessionHandle = std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)>;

// A peer that has not sent its SETTINGS yet is taken to allow this many (RFC 9113 §6.5.2 recommends
// that no peer allows fewer).
constexpr std::uint32_t streams_before_settings = 100;

// Frames are gathered up to this size before they are written: several TLS records.
constexpr std::size_t write_bytes = 64 * 1024;

// The connection's window bounds only what is in flight: it is given back on arrival.
constexpr std::int32_t connection_window = 64 * 1024 * 1024;

// An output buffer that grew beyond this is not kept by an idle session.
constexpr std::size_t spare_output_bytes = 4 * 1024;

Bytes text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

nghttp2_nv pair(Bytes name, Bytes value, std::uint8_t flags) {
    // nghttp2 copies both and writes the name in lower case; its type just lacks the const.
    return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
            reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())),
            name.size(),
            value.size(),
            flags};
}

// HTTP/2's error codes (RFC 9113 §7) as the cause of a failure.
boost::system::error_code h2_error(std::uint32_t code) {
    static const LibraryCategory category{
        "http2", [](int value) -> std::string {
            return nghttp2_http2_strerror(static_cast<std::uint32_t>(value));
        }};
    return {static_cast<int>(code), category};
}

H2Stream* stream_of(nghttp2_session* session, std::int32_t id) noexcept {
    return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

}  // namespace

class H2Session::Impl final : public H2Connection,
                              private loop::TurnFlush,
                              private loop::Expirable {
public:
    Impl(H2Session& self,
         loop::Loop& loop,
         net::Dialled dialled,
         const H2Limits& limits,
         MutableBytes scratch);
    ~Impl();

    std::size_t capacity() const;
    std::size_t max_streams() const;
    StreamLease open_stream(const StreamTimeouts& timeouts);
    void drain() noexcept;
    void close(const Failure& why) noexcept;
    Task<void> run(SessionListener& listener);

    // H2Connection
    Result<std::int32_t> submit(H2Stream& stream,
                                const http::RequestHead& head,
                                bool has_body) override;
    void resume_sending(std::int32_t stream_id) override;
    void submit_trailers(std::int32_t stream_id, const http::FieldBlock& trailers) override;
    void consume(std::int32_t stream_id, std::size_t bytes) override;
    void reset(std::int32_t stream_id) override;
    void released(H2Stream& stream) noexcept override;

    bool is_retired() const {
        return draining_ || ended_ || nghttp2_session_check_request_allowed(session_.get()) == 0;
    }

    // nghttp2's callbacks
    static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void*) noexcept;
    static int on_header(nghttp2_session*,
                         const nghttp2_frame*,
                         const std::uint8_t*,
                         std::size_t,
                         const std::uint8_t*,
                         std::size_t,
                         std::uint8_t,
                         void*) noexcept;
    static int on_invalid_header(nghttp2_session*,
                                 const nghttp2_frame*,
                                 const std::uint8_t*,
                                 std::size_t,
                                 const std::uint8_t*,
                                 std::size_t,
                                 std::uint8_t,
                                 void*) noexcept;
    static int on_frame_recv(nghttp2_session*, const nghttp2_frame*, void*) noexcept;
    static int on_data_chunk(nghttp2_session*,
                             std::uint8_t,
                             std::int32_t,
                             const std::uint8_t*,
                             std::size_t,
                             void*) noexcept;
    static int on_stream_close(nghttp2_session*, std::int32_t, std::uint32_t, void*) noexcept;
    static ssize_t read_body(nghttp2_session*,
                             std::int32_t,
                             std::uint8_t*,
                             std::size_t,
                             std::uint32_t*,
                             nghttp2_data_source*,
                             void*) noexcept;
    static int send_data(nghttp2_session*,
                         nghttp2_frame*,
                         const std::uint8_t*,
                         std::size_t,
                         nghttp2_data_source*,
                         void*) noexcept;

    H2Session& self;
    const std::string address;
    TimePoint idle_since;
    std::size_t open_streams = 0;  // leased, and not closed by nghttp2 yet

private:
    void flush() noexcept override;
    void expire() noexcept override { close({Errc::write_timed_out, Side::origin}); }
    void feed(Bytes bytes);
    bool gather();
    void end(const Failure& why) noexcept;
    void end_when_drained() noexcept;
    void tell_capacity() noexcept;
    Task<void> write_when_possible();

    loop::Loop& loop_;
    const H2Limits& limits_;
    std::unique_ptr<net::ByteStream> stream_;
    MutableBytes scratch_;
    SessionHandle session_;
    SessionListener* listener_ = nullptr;
    bool settings_seen_ = false;
    bool draining_ = false;
    bool ended_ = false;
    bool capacity_moved_ = false;     // since the listener was told
    std::int32_t reset_by_peer_ = 0;  // the stream of the last RST_STREAM that came

    std::string output_;
    std::size_t written_ = 0;  // of output_
    bool write_blocked_ = false;
    loop::Event write_blocked_event_;
    bool writer_done_ = false;
    loop::Watchdog write_watchdog_;

    std::vector<nghttp2_nv> pairs_;
    std::vector<H2Stream*> live_;
    std::vector<std::unique_ptr<H2Stream>> streams_;
    std::vector<H2Stream*> spare_;
    std::size_t leases_ = 0;
    loop::Event wind_down_;
};

namespace {

// One table of callbacks and options serves all sessions.
class Library {
public:
    template <class Impl>
    static const Library& for_sessions() {
        static const Library library = make<Impl>();
        return library;
    }

    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;

private:
    template <class Impl>
    static Library make() {
        Library library;
        auto& callbacks = library.callbacks;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Impl::on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, Impl::on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks,
                                                                 Impl::on_invalid_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Impl::on_frame_recv);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Impl::on_data_chunk);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Impl::on_stream_close);
        nghttp2_session_callbacks_set_send_data_callback(callbacks, Impl::send_data);
        nghttp2_option_new(&library.option);
        nghttp2_option_set_no_auto_window_update(library.option, 1);
        nghttp2_option_set_no_closed_streams(library.option, 1);
        return library;
    }
};

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
      loop_(loop),
      limits_(limits),
      stream_(std::move(dialled.stream)),
      scratch_(scratch),
      session_(nullptr, nghttp2_session_del),
      write_blocked_event_(loop),
      write_watchdog_(loop.deadlines(), *this),
      wind_down_(loop) {
    const Library& library = Library::for_sessions<Impl>();
    nghttp2_session* made = nullptr;
    nghttp2_session_client_new2(&made, library.callbacks, this, library.option);
    session_.reset(made);

    const auto window = static_cast<std::uint32_t>(
        std::min<std::size_t>(limits.stream_window, NGHTTP2_MAX_WINDOW_SIZE));
    const std::array settings{
        nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window},
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
    constexpr Failure refused{Errc::stream_refused, Side::origin};
    if (is_retired()) return refused;
    pairs_.clear();
    pairs_.push_back(pair(":method", head.method, NGHTTP2_NV_FLAG_NONE));
    pairs_.push_back(pair(":scheme", "https", NGHTTP2_NV_FLAG_NONE));
    pairs_.push_back(pair(
        ":authority", head.fields.find(http::FieldId::host).value_or(""), NGHTTP2_NV_FLAG_NONE));
    pairs_.push_back(pair(":path", head.target, NGHTTP2_NV_FLAG_NONE));
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const http::Field field = head.fields[i];
        if (field.id == http::FieldId::host) continue;
        // A value that never comes again would only push useful ones out of HPACK's table.
        const bool unique = field.id == http::FieldId::traceparent ||
                            (field.id == http::FieldId::other &&
                             http::equal_ignoring_case(field.name, limits_.unindexed_field));
        pairs_.push_back(pair(
            field.name, field.value, unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE));
    }
    nghttp2_data_provider body{};
    body.read_callback = &Impl::read_body;
    const auto id = nghttp2_submit_request(
        session_.get(), nullptr, pairs_.data(), pairs_.size(), has_body ? &body : nullptr, &stream);
    if (id < 0) return refused;
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
        pairs_.push_back(pair(trailers[i].name, trailers[i].value, NGHTTP2_NV_FLAG_NONE));
    }
    nghttp2_submit_trailer(session_.get(), stream_id, pairs_.data(), pairs_.size());
}

void H2Session::Impl::consume(std::int32_t stream_id, std::size_t bytes) {
    nghttp2_session_consume_stream(session_.get(), stream_id, bytes);
    mark_dirty();
}

void H2Session::Impl::reset(std::int32_t stream_id) {
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
    if (stream.is_unsent()) {
        --open_streams;
        capacity_moved_ = true;
    }
    if (--leases_ == 0) {
        idle_since = loop_.now();
        if (ended_) return wind_down_.notify();
        end_when_drained();
    }
    if (capacity_moved_) mark_dirty();
}

void H2Session::Impl::drain() noexcept {
    draining_ = true;
    end_when_drained();
}

// GOAWAY tells the peer that we go; then there is nothing more to say.
void H2Session::Impl::end_when_drained() noexcept {
    if (leases_ != 0 || ended_ || !is_retired()) return;
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
    draining_ = true;
    mark_dirty();
}

void H2Session::Impl::close(const Failure& why) noexcept { end(why); }

void H2Session::Impl::end(const Failure& why) noexcept {
    if (ended_) return;
    ended_ = true;
    write_watchdog_.disarm();
    stream_->close();
    for (H2Stream* stream : live_) {
        if (stream->is_open()) stream->closed(why);
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
                end({Errc::peer_closed, Side::origin, read.error});
                break;
        }
    }
    listener_->capacity_changed(self);
    while (leases_ != 0 || !writer_done_) co_await wind_down_.wait();
}

void H2Session::Impl::feed(Bytes bytes) {
    const auto taken = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken < 0) return end({Errc::malformed, Side::origin});
    // It may have queued SETTINGS, PING or WINDOW_UPDATE, or a GOAWAY that says what was wrong.
    mark_dirty();
    // At once: an exchange that a GOAWAY sends back to the pool must not find this session there.
    tell_capacity();
}

// Fills the output buffer with the frames that may leave now; false when there is nothing to write.
bool H2Session::Impl::gather() {
    while (output_.size() < write_bytes) {
        const std::uint8_t* frame = nullptr;
        const auto size = nghttp2_session_mem_send(session_.get(), &frame);
        if (size <= 0) break;
        output_.append(text(frame, static_cast<std::size_t>(size)));
    }
    return written_ < output_.size();
}

void H2Session::Impl::flush() noexcept {
    while (!ended_ && !write_blocked_ && gather()) {
        const Bytes rest = Bytes{output_}.substr(written_);
        const net::IoResult write = stream_->try_write({&rest, 1});
        if (write.state == net::IoResult::State::would_block) {
            write_blocked_ = true;
            write_watchdog_.arm(Deadline::after(loop_.now(), limits_.write_timeout));
            write_blocked_event_.notify();
        } else if (write.state != net::IoResult::State::done) {
            end({Errc::peer_closed, Side::origin, write.error});
        } else if ((written_ += write.bytes) == output_.size()) {
            output_.clear();
            written_ = 0;
        }
    }
    if (output_.empty() && output_.capacity() > spare_output_bytes && leases_ == 0) {
        std::string{}.swap(output_);
    }
    if (!ended_ && nghttp2_session_want_read(session_.get()) == 0 &&
        nghttp2_session_want_write(session_.get()) == 0 && output_.empty()) {
        // GOAWAY went out: ours when drained, or nghttp2's over a protocol error.
        stream_->shutdown_send();
        end(draining_ ? Failure{Errc::pool_closed, Side::self}
                      : Failure{Errc::malformed, Side::origin});
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

int H2Session::Impl::on_begin_headers(nghttp2_session* session,
                                      const nghttp2_frame* frame,
                                      void* /*impl*/) noexcept {
    H2Stream* const stream = stream_of(session, frame->hd.stream_id);
    if (stream != nullptr) stream->begin_head();
    return 0;
}

int H2Session::Impl::on_header(nghttp2_session* session,
                               const nghttp2_frame* frame,
                               const std::uint8_t* name,
                               std::size_t name_size,
                               const std::uint8_t* value,
                               std::size_t value_size,
                               std::uint8_t /*flags*/,
                               void* /*impl*/) noexcept {
    H2Stream* const stream = stream_of(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;  // we have reset it and the peer has not heard yet
    const auto taken = stream->take_field(text(name, name_size), text(value, value_size));
    return taken == H2Stream::Taken::yes ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

// Without this, nghttp2 would leave the field out and let the response pass.
int H2Session::Impl::on_invalid_header(nghttp2_session* /*session*/,
                                       const nghttp2_frame* /*frame*/,
                                       const std::uint8_t* /*name*/,
                                       std::size_t /*name_size*/,
                                       const std::uint8_t* /*value*/,
                                       std::size_t /*value_size*/,
                                       std::uint8_t /*flags*/,
                                       void* /*impl*/) noexcept {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Session::Impl::on_frame_recv(nghttp2_session* session,
                                   const nghttp2_frame* frame,
                                   void* impl) noexcept {
    auto& self = *static_cast<Impl*>(impl);
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
        case NGHTTP2_HEADERS:
            if (H2Stream* const stream = stream_of(session, frame->hd.stream_id)) {
                stream->end_head(last);
            }
            break;
        case NGHTTP2_DATA:
            if (!last) break;
            if (H2Stream* const stream = stream_of(session, frame->hd.stream_id)) {
                stream->take_end();
            }
            break;
        case NGHTTP2_RST_STREAM:
            self.reset_by_peer_ = frame->hd.stream_id;  // on_stream_close follows
            break;
        case NGHTTP2_SETTINGS:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
            self.settings_seen_ = true;
            self.capacity_moved_ = true;
            break;
        case NGHTTP2_GOAWAY: self.capacity_moved_ = true; break;
        default: break;
    }
    return 0;
}

int H2Session::Impl::on_data_chunk(nghttp2_session* session,
                                   std::uint8_t /*flags*/,
                                   std::int32_t stream_id,
                                   const std::uint8_t* data,
                                   std::size_t size,
                                   void* /*impl*/) noexcept {
    nghttp2_session_consume_connection(session, size);
    if (H2Stream* const stream = stream_of(session, stream_id)) stream->take_data(text(data, size));
    return 0;
}

int H2Session::Impl::on_stream_close(nghttp2_session* session,
                                     std::int32_t stream_id,
                                     std::uint32_t error_code,
                                     void* impl) noexcept {
    H2Stream* const stream = stream_of(session, stream_id);
    if (stream == nullptr) return 0;
    auto& self = *static_cast<Impl*>(impl);
    --self.open_streams;
    self.capacity_moved_ = true;
    if (stream->is_complete()) {
        stream->closed(std::nullopt);  // an origin may reset what it need not read any more
    } else if (error_code == NGHTTP2_REFUSED_STREAM) {
        stream->closed(Failure{Errc::stream_refused, Side::origin});  // also by GOAWAY, §6.8
    } else if (self.reset_by_peer_ == stream_id) {
        stream->closed(Failure{Errc::stream_reset, Side::origin, h2_error(error_code)});
    } else {
        stream->closed(Failure{Errc::malformed, Side::origin, h2_error(error_code)});
    }
    return 0;
}

ssize_t H2Session::Impl::read_body(nghttp2_session* session,
                                   std::int32_t stream_id,
                                   std::uint8_t* /*buffer*/,
                                   std::size_t room,
                                   std::uint32_t* flags,
                                   nghttp2_data_source* /*source*/,
                                   void* impl) noexcept {
    H2Stream* const stream = stream_of(session, stream_id);
    if (stream == nullptr) return NGHTTP2_ERR_DEFERRED;  // reset; the RST_STREAM is on its way
    const auto size = stream->sendable(room);
    const auto end = stream->end_after(size);
    if (size == 0 && end == H2Stream::BodyEnd::open) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (end != H2Stream::BodyEnd::open) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (end == H2Stream::BodyEnd::before_trailers) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        static_cast<Impl*>(impl)->submit_trailers(stream_id, stream->take_request_trailers());
    }
    return static_cast<ssize_t>(size);
}

// The frame goes straight from the caller's buffer to the output buffer.
int H2Session::Impl::send_data(nghttp2_session* session,
                               nghttp2_frame* frame,
                               const std::uint8_t* frame_head,
                               std::size_t size,
                               nghttp2_data_source* /*source*/,
                               void* impl) noexcept {
    constexpr std::size_t frame_head_bytes = 9;
    H2Stream* const stream = stream_of(session, frame->hd.stream_id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    auto& output = static_cast<Impl*>(impl)->output_;
    output.append(text(frame_head, frame_head_bytes));
    stream->move_body_to(output, size);
    return 0;
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

}  // namespace nikawa::origin
