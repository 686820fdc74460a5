#include "support/h2_client.hpp"

#include <algorithm>

namespace nikawa::test {
namespace {

Bytes text(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

std::vector<nghttp2_nv> pairs_of(const H2Client::Fields& fields) {
    const auto octets = [](const std::string& bytes) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
    };
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : fields) {
        pairs.push_back({octets(name), octets(value), name.size(), value.size(), 0});
    }
    return pairs;
}

}  // namespace

std::string H2Client::Response::field(Bytes name) const {
    const auto found = std::ranges::find(fields, name, &Fields::value_type::first);
    return found == fields.end() ? "" : found->second;
}

H2Client::H2Client(std::uint32_t window) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    settings(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window);
    constexpr std::uint32_t initial_window = 65535;  // of the connection, RFC 9113 §6.9.2
    if (window > initial_window) {
        nghttp2_session_set_local_window_size(
            session_, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(window));
    }
}

std::int32_t H2Client::request(const Fields& fields, More more) {
    const auto pairs = pairs_of(fields);
    const nghttp2_data_provider body{{}, read_body};
    return nghttp2_submit_request(session_,
                                  nullptr,
                                  pairs.data(),
                                  pairs.size(),
                                  more == More::yes ? &body : nullptr,
                                  nullptr);
}

void H2Client::send(std::int32_t stream, Bytes bytes, More more, const Fields& trailers) {
    Body& body = bodies_[stream];
    body.left.append(bytes);
    body.more = more;
    body.trailers = trailers;
    nghttp2_session_resume_data(session_, stream);
}

void H2Client::reset(std::int32_t stream, std::uint32_t code) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, code);
}

void H2Client::settings(std::uint16_t id, std::uint32_t value) {
    const nghttp2_settings_entry entry{id, value};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
}

std::string H2Client::to_send() {
    std::string all;
    const std::uint8_t* bytes = nullptr;
    for (ssize_t n = 0; (n = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
        all.append(text(bytes, static_cast<std::size_t>(n)));
    }
    return all;
}

bool H2Client::receive(Bytes bytes) {
    const auto* octets = reinterpret_cast<const std::uint8_t*>(bytes.data());
    return nghttp2_session_mem_recv(session_, octets, bytes.size()) >= 0;
}

int H2Client::on_header(nghttp2_session* /*session*/,
                        const nghttp2_frame* frame,
                        const std::uint8_t* name,
                        std::size_t name_bytes,
                        const std::uint8_t* value,
                        std::size_t value_bytes,
                        std::uint8_t /*flags*/,
                        void* self) {
    Response& response = static_cast<H2Client*>(self)->responses_[frame->hd.stream_id];
    const std::string field{text(name, name_bytes)};
    const std::string content{text(value, value_bytes)};
    if (field == ":status" && content.starts_with('1')) {
        response.interim.push_back(content);
    } else if (field == ":status") {
        response.status = content;
    } else if (frame->headers.cat == NGHTTP2_HCAT_HEADERS && response.has_head) {
        response.trailers.emplace_back(field, content);
    } else {
        response.fields.emplace_back(field, content);
    }
    return 0;
}

int H2Client::on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
    auto& client = *static_cast<H2Client*>(self);
    const bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client.go_aways_.emplace_back(frame->goaway.last_stream_id, frame->goaway.error_code);
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
        client.responses_[frame->hd.stream_id].reset = frame->rst_stream.error_code;
    }
    if (frame->hd.type == NGHTTP2_HEADERS) {
        Response& response = client.responses_[frame->hd.stream_id];
        response.has_head = !response.status.empty();
    }
    if (is_last && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
        Response& response = client.responses_[frame->hd.stream_id];
        response.ended = true;
        response.ended_with_head = frame->hd.type == NGHTTP2_HEADERS && response.trailers.empty();
    }
    return 0;
}

int H2Client::on_data(nghttp2_session* /*session*/,
                      std::uint8_t /*flags*/,
                      std::int32_t stream,
                      const std::uint8_t* bytes,
                      std::size_t size,
                      void* self) {
    static_cast<H2Client*>(self)->responses_[stream].body.append(text(bytes, size));
    return 0;
}

int H2Client::on_close(nghttp2_session* /*session*/,
                       std::int32_t stream,
                       std::uint32_t error,
                       void* self) {
    static_cast<H2Client*>(self)->responses_[stream].complete = error == NGHTTP2_NO_ERROR;
    return 0;
}

ssize_t H2Client::read_body(nghttp2_session* session,
                            std::int32_t stream,
                            std::uint8_t* into,
                            std::size_t room,
                            std::uint32_t* flags,
                            nghttp2_data_source* /*source*/,
                            void* self) {
    Body& body = static_cast<H2Client*>(self)->bodies_[stream];
    if (body.left.empty() && body.more == More::yes) return NGHTTP2_ERR_DEFERRED;
    const auto size = body.left.copy(reinterpret_cast<char*>(into), room);
    body.left.erase(0, size);
    if (body.left.empty() && body.more == More::no) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (!body.trailers.empty()) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            const auto pairs = pairs_of(body.trailers);
            nghttp2_submit_trailer(session, stream, pairs.data(), pairs.size());
        }
    }
    return static_cast<ssize_t>(size);
}

}  // namespace nikawa::test
