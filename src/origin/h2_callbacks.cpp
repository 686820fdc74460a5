#include "nikawa/http/h2_error.hpp"
#include "origin/h2_session_impl.hpp"

namespace nikawa::origin {

void H2Session::Impl::on_frame_sent(const nghttp2_frame& frame) noexcept {
    if (frame.hd.type == NGHTTP2_GOAWAY) error_told_ = frame.goaway.error_code;
}

int H2Session::Impl::on_begin_headers(const nghttp2_frame& frame) noexcept {
    H2Stream* const stream = Callbacks::stream_of(session_.get(), frame.hd.stream_id);
    if (stream == nullptr) return 0;
    has_answered = true;
    stream->begin_head();
    return 0;
}

int H2Session::Impl::on_field(const nghttp2_frame& frame, Bytes name, Bytes value) noexcept {
    H2Stream* const stream = Callbacks::stream_of(session_.get(), frame.hd.stream_id);
    if (stream == nullptr) return 0;  // we have reset it and the peer has not heard yet
    const auto taken = stream->take_field(name, value);
    return taken == H2Stream::Taken::yes ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Session::Impl::on_invalid_field(const nghttp2_frame& /*frame*/) noexcept {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

void H2Session::Impl::on_frame_received(const nghttp2_frame& frame) noexcept {
    const auto id = frame.hd.stream_id;
    const bool last = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame.hd.type) {
        case NGHTTP2_HEADERS:
            if (H2Stream* const stream = Callbacks::stream_of(session_.get(), id)) {
                stream->end_head(last);
                has_answered_ = true;
            }
            break;
        case NGHTTP2_DATA:
            if (!last) break;
            if (H2Stream* const stream = Callbacks::stream_of(session_.get(), id)) {
                stream->take_end();
            }
            break;
        case NGHTTP2_RST_STREAM:
            reset_by_peer_ = id;  // on_stream_closed follows
            break;
        case NGHTTP2_SETTINGS: note_settings((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0); break;
        case NGHTTP2_PING:
            if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) ping_out_ = false;
            break;
        case NGHTTP2_GOAWAY: note_go_away(frame.goaway.error_code); break;
        default: break;
    }
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
    // These are to be heeded whatever was the cause before.
    if (error_code == NGHTTP2_ENHANCE_YOUR_CALM) {
        end_cause_ = SessionEnd::calm;
    } else if (error_code == NGHTTP2_HTTP_1_1_REQUIRED) {
        end_cause_ = SessionEnd::http_1_1;
    } else if (error_code != NGHTTP2_NO_ERROR) {
        note_end(SessionEnd::broken);
    } else {
        note_end(leases_ == 0 ? SessionEnd::idle_closed : SessionEnd::limit);
    }
}

void H2Session::Impl::on_data(H2Stream* stream, Bytes data) noexcept {
    guard_.earn(http::FrameAllowance::of_data_received);
    if (stream != nullptr) stream->take_data(data);
}

// By GOAWAY (§6.8), or because we did not know its limits; else it does not want more.
Errc H2Session::Impl::code_of_refusal(std::int32_t id, const H2Stream& stream) const {
    if (end_cause_ == SessionEnd::http_1_1) return Errc::http_1_1_required;
    const bool declined = reset_by_peer_ == id && stream.keeps_to_settings();
    return declined ? Errc::stream_declined : Errc::stream_refused;
}

void H2Session::Impl::on_stream_closed(std::int32_t id,
                                       H2Stream* stream,
                                       std::uint32_t error_code) noexcept {
    if (stream == nullptr) return;
    --open_streams;
    capacity_moved_ = true;
    if (stream->is_complete()) {
        stream->closed(std::nullopt);  // an origin may reset what it need not read any more
    } else if (error_code == NGHTTP2_HTTP_1_1_REQUIRED) {
        stream->closed(Failure{Errc::http_1_1_required, Side::origin});
    } else if (error_code == NGHTTP2_REFUSED_STREAM && !stream->has_response_begun()) {
        stream->closed(Failure{code_of_refusal(id, *stream), Side::origin});
    } else if (reset_by_peer_ == id) {
        stream->closed(Failure{Errc::stream_reset, Side::origin, http::h2_error(error_code)});
    } else {
        expect_unwanted(id);  // it was nghttp2 that has reset it
        stream->closed(Failure{Errc::malformed, Side::origin, http::h2_error(error_code)});
    }
}

void H2Session::Impl::on_data_sent(std::size_t /*size*/) noexcept {
    guard_.earn(http::FrameAllowance::of_data_sent);
}

}  // namespace nikawa::origin
