#include "client/h2_connection.hpp"
#include "nikawa/http/h2_error.hpp"

namespace nikawa::client {
namespace {

// With this a callback has the stream reset by that code, and nothing else.
int reset_with(nghttp2_session* session, std::int32_t stream, std::uint32_t code) noexcept {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, code);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

}  // namespace

void H2Connection::on_frame_sent(const nghttp2_frame& frame) noexcept {
    if (frame.hd.type == NGHTTP2_GOAWAY && frame.goaway.error_code != NGHTTP2_NO_ERROR) {
        note_error(frame.goaway.error_code);
    }
    const bool is_of_message = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
    if (!is_of_message) return;
    const bool is_last = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (is_last) guard_.earn(http::FrameAllowance::of_answer);
    auto* const exchange = Callbacks::stream_of(session_.get(), frame.hd.stream_id);
    if (exchange == nullptr) return;
    if (is_last) exchange->note_end_sent();
    if (!is_last && frame.hd.type == NGHTTP2_HEADERS) exchange->note_head_sent();
}

int H2Connection::on_begin_headers(const nghttp2_frame& frame) noexcept {
    auto* const session = session_.get();
    head_stream_ = frame.hd.stream_id;
    if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    // A client that resets its streams has them counted no more; their exchanges still are.
    if (live_.size() >= 2 * std::size_t{limits_.max_streams}) {
        return reset_with(session, head_stream_, NGHTTP2_REFUSED_STREAM);
    }
    nghttp2_session_set_stream_user_data(session, head_stream_, open_exchange(head_stream_));
    return 0;
}

int H2Connection::on_field(const nghttp2_frame& frame, Bytes name, Bytes value) noexcept {
    H2Exchange* const exchange = Callbacks::stream_of(session_.get(), frame.hd.stream_id);
    if (exchange == nullptr) return 0;  // we have left it and the peer has not heard yet
    if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
        exchange->take_field(name, value);
        return 0;
    }
    if (exchange->take_trailer(name, value)) return 0;
    return reset_with(session_.get(), frame.hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
}

int H2Connection::on_invalid_field(const nghttp2_frame& frame) noexcept {
    return reset_with(session_.get(), frame.hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
}

void H2Connection::on_frame_received(const nghttp2_frame& frame) noexcept {
    const auto stream = frame.hd.stream_id;
    const bool is_last = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame.hd.type) {
        case NGHTTP2_HEADERS:
            head_stream_ = 0;
            if (H2Exchange* const exchange = Callbacks::stream_of(session_.get(), stream)) {
                if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) {
                    exchange->take_end();  // trailers
                } else {
                    exchange->end_head(is_last);
                    begun_.push_back(exchange);
                }
            }
            break;
        case NGHTTP2_DATA:
            if (!is_last) break;
            if (H2Exchange* const exchange = Callbacks::stream_of(session_.get(), stream)) {
                exchange->take_end();
            }
            break;
        case NGHTTP2_RST_STREAM:
            reset_by_peer_ = stream;  // on_stream_closed follows
            break;
        case NGHTTP2_PING:
            if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) was_notice_answered_ = true;
            break;
        default: break;
    }
}

void H2Connection::on_data(H2Exchange* exchange, Bytes data) noexcept {
    if (exchange == nullptr) return;
    guard_.earn(http::FrameAllowance::of_data_received);
    exchange->take_data(data);
}

void H2Connection::on_stream_closed(std::int32_t stream,
                                    H2Exchange* exchange,
                                    std::uint32_t error_code) noexcept {
    // A head that was reset in its middle ends with no frame of its own.
    if (head_stream_ == stream) head_stream_ = 0;
    if (exchange == nullptr) return;
    const bool was_reset_by_peer = reset_by_peer_ == stream;
    if (error_code == NGHTTP2_NO_ERROR && !was_reset_by_peer) {
        return exchange->closed(std::nullopt);  // both messages are whole
    }
    // It is nghttp2 that resets malformed requests, those among them whose body is not as long as
    // they say (RFC 9113 §8.1.1).
    if (!was_reset_by_peer) expect_unwanted(stream);
    const auto malformed = exchange->is_running ? Errc::bad_framing : Errc::bad_head;
    const auto code = was_reset_by_peer ? Errc::client_gone : malformed;
    const Failure failure{code, Side::client, http::h2_error(error_code)};
    exchange->closed(failure);
    closed_.push_back(exchange);
}

void H2Connection::on_data_sent(std::size_t size) noexcept {
    if (size > 0) guard_.earn(http::FrameAllowance::of_data_sent);
}

}  // namespace nikawa::client
