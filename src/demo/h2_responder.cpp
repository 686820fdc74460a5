#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <map>
#include <new>

#include "demo/responder.hpp"

namespace nikawa::demo {
namespace {

constexpr Bytes text = "hello from demo.example over h2\n";

struct Stream {
    bool is_head_request = false;
    std::size_t sent = 0;
};

class H2Responder final : public Responder {
public:
    H2Responder() {
        nghttp2_session_callbacks* callbacks = nullptr;
        if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc{};
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        const int failed = nghttp2_session_server_new(&session_, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
        if (failed != 0) throw std::bad_alloc{};

        const nghttp2_settings_entry streams{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100};
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &streams, 1);
    }
    H2Responder(const H2Responder&) = delete;
    H2Responder& operator=(const H2Responder&) = delete;
    ~H2Responder() override { nghttp2_session_del(session_); }

    Then take(Bytes input, std::string& out) override {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(input.data());
        if (nghttp2_session_mem_recv(session_, bytes, input.size()) < 0) return Then::close;
        const std::uint8_t* frame = nullptr;
        ssize_t frame_bytes = 0;
        while ((frame_bytes = nghttp2_session_mem_send(session_, &frame)) > 0) {
            out.append(reinterpret_cast<const char*>(frame), static_cast<std::size_t>(frame_bytes));
        }
        const bool goes_on = frame_bytes == 0 && (nghttp2_session_want_read(session_) != 0 ||
                                                  nghttp2_session_want_write(session_) != 0);
        return goes_on ? Then::go_on : Then::close;
    }

private:
    static Stream& stream_of(void* self, std::int32_t id) {
        return static_cast<H2Responder*>(self)->streams_[id];
    }

    static int on_header(nghttp2_session* /*session*/,
                         const nghttp2_frame* frame,
                         const std::uint8_t* name,
                         std::size_t name_bytes,
                         const std::uint8_t* value,
                         std::size_t value_bytes,
                         std::uint8_t /*flags*/,
                         void* self) noexcept {
        const Bytes field{reinterpret_cast<const char*>(name), name_bytes};
        const Bytes content{reinterpret_cast<const char*>(value), value_bytes};
        if (field == ":method") {
            stream_of(self, frame->hd.stream_id).is_head_request = content == "HEAD";
        }
        return 0;
    }

    /// Answers once the request is complete.
    static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* self) noexcept {
        const bool of_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (!of_request || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;

        static const std::string length = std::to_string(text.size());
        const std::array fields{
            field(":status", "200"),
            field("content-type", "text/plain"),
            field("content-length", length),
        };
        const nghttp2_data_provider body{{}, read_body};
        const auto id = frame->hd.stream_id;
        const bool bodiless = stream_of(self, id).is_head_request;
        nghttp2_submit_response(
            session, id, fields.data(), fields.size(), bodiless ? nullptr : &body);
        return 0;
    }

    static nghttp2_nv field(Bytes name, Bytes value) {
        const auto octets = [](Bytes bytes) {  // nghttp2 copies them
            return reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
        };
        return {octets(name), octets(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
    }

    static ssize_t read_body(nghttp2_session* /*session*/,
                             std::int32_t id,
                             std::uint8_t* into,
                             std::size_t room,
                             std::uint32_t* flags,
                             nghttp2_data_source* /*source*/,
                             void* self) noexcept {
        Stream& stream = stream_of(self, id);
        const std::size_t taken = text.copy(reinterpret_cast<char*>(into), room, stream.sent);
        stream.sent += taken;
        if (stream.sent == text.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(taken);
    }

    static int on_stream_close(nghttp2_session* /*session*/,
                               std::int32_t id,
                               std::uint32_t /*error*/,
                               void* self) noexcept {
        static_cast<H2Responder*>(self)->streams_.erase(id);
        return 0;
    }

    nghttp2_session* session_ = nullptr;
    std::map<std::int32_t, Stream> streams_;
};

}  // namespace

std::unique_ptr<Responder> make_h2_responder() { return std::make_unique<H2Responder>(); }

}  // namespace nikawa::demo
