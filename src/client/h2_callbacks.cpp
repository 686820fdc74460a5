#include "client/h2_connection.hpp"
#include "nikawa/http/h2_error.hpp"
#include "nikawa/http/octets.hpp"

namespace nikawa::client {
namespace {

H2Exchange* exchange_of(nghttp2_session* session, std::int32_t stream) noexcept {
    return static_cast<H2Exchange*>(nghttp2_session_get_stream_user_data(session, stream));
}

// With this a callback has the stream reset by that code, and nothing else.
int reset_with(nghttp2_session* session, std::int32_t stream, std::uint32_t code) noexcept {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, code);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

}  // namespace

const H2Connection::Library& H2Connection::library() {
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
        nghttp2_option_set_no_recv_client_magic(made.option, 1);
        // A flood is for us to see, who can say so.
        nghttp2_option_set_max_outbound_ack(made.option, 2 * http::FrameAllowance::most);
        return made;
    }();
    return shared;
}

int H2Connection::on_frame_send(nghttp2_session* session,
                                const nghttp2_frame* frame,
                                void* connection) noexcept {
    const bool is_of_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!is_of_message || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    static_cast<H2Connection*>(connection)->guard_.earn(http::FrameAllowance::of_answer);
    if (auto* const exchange = exchange_of(session, frame->hd.stream_id)) exchange->note_end_sent();
    return 0;
}

int H2Connection::on_begin_headers(nghttp2_session* session,
                                   const nghttp2_frame* frame,
                                   void* connection) noexcept {
    auto& self = *static_cast<H2Connection*>(connection);
    const auto stream = frame->hd.stream_id;
    self.head_stream_ = stream;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    // A client that resets its streams has them counted no more; their exchanges still are.
    if (self.live_.size() >= 2 * std::size_t{self.limits_.max_streams}) {
        return reset_with(session, stream, NGHTTP2_REFUSED_STREAM);
    }
    nghttp2_session_set_stream_user_data(session, stream, self.open_exchange(stream));
    return 0;
}

int H2Connection::on_header(nghttp2_session* session,
                            const nghttp2_frame* frame,
                            const std::uint8_t* name,
                            std::size_t name_size,
                            const std::uint8_t* value,
                            std::size_t value_size,
                            std::uint8_t /*flags*/,
                            void* /*connection*/) noexcept {
    H2Exchange* const exchange = exchange_of(session, frame->hd.stream_id);
    if (exchange == nullptr) return 0;  // we have left it and the peer has not heard yet
    const Bytes field = http::text(name, name_size);
    const Bytes content = http::text(value, value_size);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        exchange->take_field(field, content);
        return 0;
    }
    if (exchange->take_trailer(field, content)) return 0;
    return reset_with(session, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
}

// Without this, nghttp2 would leave the field out and let the request pass.
int H2Connection::on_invalid_header(nghttp2_session* session,
                                    const nghttp2_frame* frame,
                                    const std::uint8_t* /*name*/,
                                    std::size_t /*name_size*/,
                                    const std::uint8_t* /*value*/,
                                    std::size_t /*value_size*/,
                                    std::uint8_t /*flags*/,
                                    void* /*connection*/) noexcept {
    return reset_with(session, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
}

int H2Connection::on_frame_recv(nghttp2_session* session,
                                const nghttp2_frame* frame,
                                void* connection) noexcept {
    auto& self = *static_cast<H2Connection*>(connection);
    const bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
        case NGHTTP2_HEADERS:
            self.head_stream_ = 0;
            if (H2Exchange* const exchange = exchange_of(session, frame->hd.stream_id)) {
                if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
                    exchange->take_end();  // trailers
                } else {
                    exchange->end_head(is_last);
                    self.begun_.push_back(exchange);
                }
            }
            break;
        case NGHTTP2_DATA:
            if (!is_last) break;
            if (H2Exchange* const exchange = exchange_of(session, frame->hd.stream_id)) {
                exchange->take_end();
            }
            break;
        case NGHTTP2_RST_STREAM:
            self.reset_by_peer_ = frame->hd.stream_id;  // on_stream_close follows
            break;
        case NGHTTP2_PING:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) self.was_notice_answered_ = true;
            break;
        default: break;
    }
    return 0;
}

int H2Connection::on_data_chunk(nghttp2_session* session,
                                std::uint8_t /*flags*/,
                                std::int32_t stream,
                                const std::uint8_t* data,
                                std::size_t size,
                                void* connection) noexcept {
    nghttp2_session_consume_connection(session, size);
    H2Exchange* const exchange = exchange_of(session, stream);
    if (exchange == nullptr) return 0;
    static_cast<H2Connection*>(connection)->guard_.earn(http::FrameAllowance::of_data_received);
    exchange->take_data(http::text(data, size));
    return 0;
}

int H2Connection::on_stream_close(nghttp2_session* session,
                                  std::int32_t stream,
                                  std::uint32_t error_code,
                                  void* connection) noexcept {
    auto& self = *static_cast<H2Connection*>(connection);
    // A head that was reset in its middle ends with no frame of its own.
    if (self.head_stream_ == stream) self.head_stream_ = 0;
    H2Exchange* const exchange = exchange_of(session, stream);
    if (exchange == nullptr) return 0;
    const bool was_reset_by_peer = self.reset_by_peer_ == stream;
    if (error_code == NGHTTP2_NO_ERROR && !was_reset_by_peer) {
        exchange->closed(std::nullopt);  // both messages are whole
        return 0;
    }
    // It is nghttp2 that resets malformed requests, those among them whose body is not as long as
    // they say (RFC 9113 §8.1.1).
    if (!was_reset_by_peer) self.expect_unwanted(stream);
    const auto code = was_reset_by_peer ? Errc::client_gone : Errc::bad_framing;
    exchange->closed(Failure{code, Side::client, http::h2_error(error_code)});
    self.closed_.push_back(exchange);
    return 0;
}

ssize_t H2Connection::read_body(nghttp2_session* session,
                                std::int32_t stream,
                                std::uint8_t* /*buffer*/,
                                std::size_t room,
                                std::uint32_t* flags,
                                nghttp2_data_source* /*source*/,
                                void* connection) noexcept {
    H2Exchange* const exchange = exchange_of(session, stream);
    if (exchange == nullptr) return NGHTTP2_ERR_DEFERRED;  // reset; the RST_STREAM is on its way
    const auto size = exchange->sendable(room);
    const auto end = exchange->end_after(size);
    if (size == 0 && end == H2Exchange::BodyEnd::open) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (end != H2Exchange::BodyEnd::open) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (end == H2Exchange::BodyEnd::before_trailers) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        static_cast<H2Connection*>(connection)
            ->submit_trailers(stream, exchange->response_trailers());
    }
    return static_cast<ssize_t>(size);
}

// The frame goes straight from where the body lies to the output buffer.
int H2Connection::send_data(nghttp2_session* session,
                            nghttp2_frame* frame,
                            const std::uint8_t* frame_head,
                            std::size_t size,
                            nghttp2_data_source* /*source*/,
                            void* connection) noexcept {
    constexpr std::size_t frame_head_bytes = 9;
    H2Exchange* const exchange = exchange_of(session, frame->hd.stream_id);
    if (exchange == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    auto& self = *static_cast<H2Connection*>(connection);
    if (size > 0) self.guard_.earn(http::FrameAllowance::of_data_sent);
    self.output_.append(http::text(frame_head, frame_head_bytes));
    exchange->move_body_to(self.output_, size);
    return 0;
}

}  // namespace nikawa::client
