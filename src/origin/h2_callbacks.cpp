#include <nghttp2/nghttp2.h>

#include "nikawa/http/h2_error.hpp"
#include "origin/h2_session_impl.hpp"

namespace nikawa::origin {
namespace {

H2Stream* stream_of(nghttp2_session* session, std::int32_t id) noexcept {
    return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

}  // namespace

const H2Session::Impl::Library& H2Session::Impl::library() {
    static const Library shared = [] {
        Library made;
        nghttp2_session_callbacks_new(&made.callbacks);
        auto* const callbacks = made.callbacks;
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
        nghttp2_option_new(&made.option);
        nghttp2_option_set_no_auto_window_update(made.option, 1);
        nghttp2_option_set_no_closed_streams(made.option, 1);
        // A flood is for us to see, who can say so.
        nghttp2_option_set_max_outbound_ack(made.option, 2 * http::FrameAllowance::most);
        return made;
    }();
    return shared;
}

int H2Session::Impl::on_frame_send(nghttp2_session* /*session*/,
                                   const nghttp2_frame* frame,
                                   void* impl) noexcept {
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        static_cast<Impl*>(impl)->error_told_ = frame->goaway.error_code;
    }
    return 0;
}

int H2Session::Impl::on_begin_headers(nghttp2_session* session,
                                      const nghttp2_frame* frame,
                                      void* impl) noexcept {
    H2Stream* const stream = stream_of(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    static_cast<Impl*>(impl)->has_answered = true;
    stream->begin_head();
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
    const auto taken =
        stream->take_field(http::text(name, name_size), http::text(value, value_size));
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
                self.has_answered_ = true;
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
        case NGHTTP2_SETTINGS: self.note_settings((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0); break;
        case NGHTTP2_PING:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) self.ping_out_ = false;
            break;
        case NGHTTP2_GOAWAY: self.note_go_away(frame->goaway.error_code); break;
        default: break;
    }
    return 0;
}

void H2Session::Impl::note_settings(bool ack) noexcept {
    if (ack) {
        settings_out_ = false;
        windows_moved_ = true;
    } else {
        settings_seen_ = capacity_moved_ = limits_moved_ = true;
    }
}

// Comes before the streams that it refuses are closed; and a stream that was closed by what came
// with it still has its holder.
void H2Session::Impl::note_go_away(std::uint32_t error_code) noexcept {
    capacity_moved_ = true;
    if (error_code == NGHTTP2_ENHANCE_YOUR_CALM) {
        end_cause_ = SessionEnd::calm;  // whatever was the cause before: this is to be heeded
    } else if (error_code != NGHTTP2_NO_ERROR) {
        note_end(SessionEnd::broken);
    } else {
        note_end(leases_ == 0 ? SessionEnd::idle_closed : SessionEnd::limit);
    }
}

int H2Session::Impl::on_data_chunk(nghttp2_session* session,
                                   std::uint8_t /*flags*/,
                                   std::int32_t stream_id,
                                   const std::uint8_t* data,
                                   std::size_t size,
                                   void* impl) noexcept {
    nghttp2_session_consume_connection(session, size);
    static_cast<Impl*>(impl)->guard_.earn(http::FrameAllowance::of_data_received);
    if (H2Stream* const stream = stream_of(session, stream_id))
        stream->take_data(http::text(data, size));
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
    } else if (error_code == NGHTTP2_REFUSED_STREAM && !stream->has_response_begun()) {
        // By GOAWAY (§6.8), or because we did not know its limits; else it does not want more.
        const bool declined = self.reset_by_peer_ == stream_id && stream->keeps_to_settings();
        const auto code = declined ? Errc::stream_declined : Errc::stream_refused;
        stream->closed(Failure{code, Side::origin});
    } else if (self.reset_by_peer_ == stream_id) {
        stream->closed(Failure{Errc::stream_reset, Side::origin, http::h2_error(error_code)});
    } else {
        self.expect_unwanted(stream_id);  // it was nghttp2 that has reset it
        stream->closed(Failure{Errc::malformed, Side::origin, http::h2_error(error_code)});
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
    auto& self = *static_cast<Impl*>(impl);
    self.guard_.earn(http::FrameAllowance::of_data_sent);
    auto& output = self.output_;
    output.append(http::text(frame_head, frame_head_bytes));
    stream->move_body_to(output, size);
    return 0;
}

}  // namespace nikawa::origin
