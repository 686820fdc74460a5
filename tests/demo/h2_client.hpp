#pragma once

#include <nghttp2/nghttp2.h>

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "nikawa/base/bytes.hpp"

namespace nikawa::demo {

/// A client's side of HTTP/2 in memory: what it would send, and what it makes of what it gets.
class H2Client {
public:
    struct Response {
        std::string status;
        std::string length;
        std::string body;
        bool complete = false;
    };

    /// `window` is what a stream may send it at once.
    explicit H2Client(std::uint32_t window = 65535) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_session_client_new(&session_, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
        const nghttp2_settings_entry settings{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &settings, 1);
    }
    H2Client(const H2Client&) = delete;
    H2Client& operator=(const H2Client&) = delete;
    ~H2Client() { nghttp2_session_del(session_); }

    /// Gives the stream.
    std::int32_t request(Bytes method, bool with_body = false) {
        const auto field = [](Bytes name, Bytes value) {
            const auto octets = [](Bytes bytes) {
                return reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
            };
            return nghttp2_nv{octets(name), octets(value), name.size(), value.size(), 0};
        };
        const std::vector<nghttp2_nv> fields{field(":method", method),
                                             field(":scheme", "https"),
                                             field(":authority", "demo.example"),
                                             field(":path", "/")};
        const nghttp2_data_provider body{
            {}, [](auto, auto, auto* into, auto, auto* flags, auto, auto) -> ssize_t {
                *into = 'x';
                *flags |= NGHTTP2_DATA_FLAG_EOF;
                return 1;
            }};
        return nghttp2_submit_request(
            session_, nullptr, fields.data(), fields.size(), with_body ? &body : nullptr, nullptr);
    }

    std::string to_send() {
        std::string all;
        const std::uint8_t* bytes = nullptr;
        for (ssize_t n = 0; (n = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
            all.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
        }
        return all;
    }

    void receive(Bytes bytes) {
        const auto* octets = reinterpret_cast<const std::uint8_t*>(bytes.data());
        if (nghttp2_session_mem_recv(session_, octets, bytes.size()) < 0) {
            throw std::runtime_error{"not HTTP/2"};
        }
    }

    Response& response(std::int32_t stream) { return responses_[stream]; }

private:
    static Response& of(void* self, std::int32_t stream) {
        return static_cast<H2Client*>(self)->responses_[stream];
    }
    static int on_header(nghttp2_session*,
                         const nghttp2_frame* frame,
                         const std::uint8_t* name,
                         std::size_t name_bytes,
                         const std::uint8_t* value,
                         std::size_t value_bytes,
                         std::uint8_t,
                         void* self) {
        const Bytes field{reinterpret_cast<const char*>(name), name_bytes};
        const std::string text{reinterpret_cast<const char*>(value), value_bytes};
        if (field == ":status") of(self, frame->hd.stream_id).status = text;
        if (field == "content-length") of(self, frame->hd.stream_id).length = text;
        return 0;
    }
    static int on_data(nghttp2_session*,
                       std::uint8_t,
                       std::int32_t stream,
                       const std::uint8_t* bytes,
                       std::size_t size,
                       void* self) {
        of(self, stream).body.append(reinterpret_cast<const char*>(bytes), size);
        return 0;
    }
    static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* self) {
        of(self, stream).complete = error == NGHTTP2_NO_ERROR;
        return 0;
    }

    nghttp2_session* session_ = nullptr;
    std::map<std::int32_t, Response> responses_;
};

}  // namespace nikawa::demo
