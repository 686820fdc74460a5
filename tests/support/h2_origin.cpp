#include "support/h2_origin.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

namespace nikawa::test {
namespace {

std::string text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

std::vector<nghttp2_nv> pairs_of(const Fields& fields) {
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : fields) {
        pairs.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                         reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())),
                         name.size(),
                         value.size(),
                         NGHTTP2_NV_FLAG_NONE});
    }
    return pairs;
}

}  // namespace

std::string H2Request::value_of(std::string_view name) const {
    for (const auto& [field_name, value] : fields) {
        if (field_name == name) return value;
    }
    return {};
}

class H2Origin::Impl {
public:
    struct Reply {
        std::string left;
        bool end = false;
        Fields trailers;
        bool started = false;
    };

    Impl(TestLoop& loop, std::unique_ptr<MemoryStream> given, const Settings& settings)
        : loop_(loop), stream(std::move(given)), wake_(loop.loop()) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_option* option = nullptr;
        nghttp2_option_new(&option);
        nghttp2_option_set_no_http_messaging(option, 1);  // a test may want to be wrong
        nghttp2_option_set_no_auto_ping_ack(option, 1);
        nghttp2_session_server_new2(&session, callbacks, this, option);
        nghttp2_option_del(option);
        nghttp2_session_callbacks_del(callbacks);
        window_ = settings.window;
        answers_pings = settings.answer_pings;
        if (settings.send_settings_first) submit_settings(settings.max_streams);
        loop_.spawn(read());
        loop_.spawn(write());
    }

    ~Impl() {
        stop();
        loop_.run();
        nghttp2_session_del(session);
    }

    void stop() {
        stopped_ = true;
        stream->close();
        wake_.notify();
    }

    void submit_settings(std::uint32_t max_streams) {
        const std::array entries{
            nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams},
            nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window_}};
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
        settings_submitted_ = true;
        wake_.notify();
    }

    void answer_ping() {
        nghttp2_submit_ping(session, NGHTTP2_FLAG_ACK, last_ping_.data());
        wake_.notify();
    }

    void wake() { wake_.notify(); }

    static ssize_t read_reply(nghttp2_session* session,
                              std::int32_t id,
                              std::uint8_t* buffer,
                              std::size_t room,
                              std::uint32_t* flags,
                              nghttp2_data_source* /*source*/,
                              void* user) {
        auto& self = *static_cast<Impl*>(user);
        auto& reply = self.replies[id];
        const auto size = std::min(room, reply.left.size());
        if (size == 0 && !reply.end) return NGHTTP2_ERR_DEFERRED;
        std::copy_n(reply.left.data(), size, buffer);
        reply.left.erase(0, size);
        if (reply.left.empty() && reply.end) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            if (!reply.trailers.empty()) {
                *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                const auto pairs = pairs_of(reply.trailers);
                nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
            }
        }
        return static_cast<ssize_t>(size);
    }

    nghttp2_session* session = nullptr;
    std::map<std::int32_t, H2Request> requests;
    std::map<std::int32_t, Reply> replies;
    std::size_t pings = 0;
    bool answers_pings = true;
    bool goaway = false;
    bool ended = false;
    std::string raw;

private:
    static int on_header(nghttp2_session* /*session*/,
                         const nghttp2_frame* frame,
                         const std::uint8_t* name,
                         std::size_t name_size,
                         const std::uint8_t* value,
                         std::size_t value_size,
                         std::uint8_t /*flags*/,
                         void* user) {
        auto& request = static_cast<Impl*>(user)->requests[frame->hd.stream_id];
        auto& into = frame->headers.cat == NGHTTP2_HCAT_REQUEST ? request.fields : request.trailers;
        into.emplace_back(text(name, name_size), text(value, value_size));
        return 0;
    }

    static int on_data(nghttp2_session* /*session*/,
                       std::uint8_t /*flags*/,
                       std::int32_t id,
                       const std::uint8_t* data,
                       std::size_t size,
                       void* user) {
        static_cast<Impl*>(user)->requests[id].body += text(data, size);
        return 0;
    }

    static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
        auto& self = *static_cast<Impl*>(user);
        if (frame->hd.type == NGHTTP2_GOAWAY) self.goaway = true;
        if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
            ++self.pings;
            std::copy_n(frame->ping.opaque_data, self.last_ping_.size(), self.last_ping_.begin());
            if (self.answers_pings) self.answer_ping();
        }
        if (frame->hd.type == NGHTTP2_RST_STREAM) {
            self.requests[frame->hd.stream_id].reset_with = frame->rst_stream.error_code;
        }
        const bool is_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (is_message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            self.requests[frame->hd.stream_id].ended = true;
        }
        return 0;
    }

    Task<void> read() {
        std::array<char, 16384> buffer;
        while (!stopped_) {
            const auto read = stream->try_read(buffer);
            if (read.state == net::IoResult::State::would_block) {
                co_await stream->wait_readable();
                continue;
            }
            if (read.state != net::IoResult::State::done) break;
            nghttp2_session_mem_recv(
                session, reinterpret_cast<const std::uint8_t*>(buffer.data()), read.bytes);
            wake_.notify();
        }
        ended = true;
    }

    Task<void> write() {
        while (!stopped_) {
            std::string out = std::exchange(raw, {});
            const std::uint8_t* frame = nullptr;
            // A server's first frame is SETTINGS (RFC 9113 §3.4); before it there is silence.
            for (ssize_t size = 0;
                 settings_submitted_ && (size = nghttp2_session_mem_send(session, &frame)) > 0;) {
                out += text(frame, static_cast<std::size_t>(size));
            }
            Bytes rest = out;
            while (!rest.empty() && !stopped_) {
                const auto written = stream->try_write({&rest, 1});
                if (written.state == net::IoResult::State::would_block) {
                    co_await stream->wait_writable();
                } else if (written.state == net::IoResult::State::done) {
                    rest.remove_prefix(written.bytes);
                } else {
                    co_return;
                }
            }
            if (out.empty()) co_await wake_.wait();
        }
    }

    TestLoop& loop_;

public:
    std::unique_ptr<MemoryStream> stream;

private:
    loop::Event wake_;
    std::array<std::uint8_t, 8> last_ping_{};
    std::uint32_t window_ = 65535;
    bool settings_submitted_ = false;
    bool stopped_ = false;
};

H2Origin::H2Origin(TestLoop& loop, std::unique_ptr<MemoryStream> stream)
    : H2Origin(loop, std::move(stream), Settings{}) {}

H2Origin::H2Origin(TestLoop& loop, std::unique_ptr<MemoryStream> stream, const Settings& settings)
    : impl_(std::make_unique<Impl>(loop, std::move(stream), settings)) {}

H2Origin::~H2Origin() = default;

std::map<std::int32_t, H2Request>& H2Origin::requests() { return impl_->requests; }

void H2Origin::send_head(std::int32_t stream, const Fields& fields, bool end) {
    const auto pairs = pairs_of(fields);
    nghttp2_submit_headers(impl_->session,
                           end ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE,
                           stream,
                           nullptr,
                           pairs.data(),
                           pairs.size(),
                           nullptr);
    impl_->wake();
}

void H2Origin::send_body(std::int32_t stream,
                         std::string_view body,
                         bool end,
                         const Fields& trailers) {
    auto& reply = impl_->replies[stream];
    reply.left += body;
    reply.end = end;
    reply.trailers = trailers;
    if (!std::exchange(reply.started, true)) {
        nghttp2_data_provider provider{};
        provider.read_callback = &Impl::read_reply;
        nghttp2_submit_data(impl_->session, NGHTTP2_FLAG_END_STREAM, stream, &provider);
    } else {
        nghttp2_session_resume_data(impl_->session, stream);
    }
    impl_->wake();
}

void H2Origin::reply(std::int32_t stream, std::string_view status, std::string_view body) {
    send_head(stream,
              {{":status", std::string{status}}, {"content-length", std::to_string(body.size())}},
              body.empty());
    if (!body.empty()) send_body(stream, body, true);
}

void H2Origin::reset(std::int32_t stream, std::uint32_t error_code) {
    nghttp2_submit_rst_stream(impl_->session, NGHTTP2_FLAG_NONE, stream, error_code);
    impl_->wake();
}

void H2Origin::send_settings(std::uint32_t max_streams) { impl_->submit_settings(max_streams); }

void H2Origin::go_away(std::int32_t last_stream, std::uint32_t error_code) {
    nghttp2_submit_goaway(impl_->session, NGHTTP2_FLAG_NONE, last_stream, error_code, nullptr, 0);
    impl_->wake();
}

void H2Origin::enhance_your_calm() {
    go_away(nghttp2_session_get_last_proc_stream_id(impl_->session), NGHTTP2_ENHANCE_YOUR_CALM);
}

void H2Origin::set_answers_pings(bool answers) { impl_->answers_pings = answers; }
void H2Origin::answer_ping() { impl_->answer_ping(); }

void H2Origin::send_raw(std::string_view bytes) {
    impl_->raw += bytes;
    impl_->wake();
}

void H2Origin::close() { impl_->stop(); }

std::size_t H2Origin::held_back() const {
    std::size_t bytes = 0;
    for (const auto& [id, reply] : impl_->replies) bytes += reply.left.size();
    return bytes;
}

std::size_t H2Origin::pings() const { return impl_->pings; }
bool H2Origin::was_told_goaway() const { return impl_->goaway; }
bool H2Origin::is_ended() const { return impl_->ended; }
MemoryStream& H2Origin::stream() { return *impl_->stream; }

}  // namespace nikawa::test
