#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

#include "h2/output.hpp"
#include "nikawa/http/octets.hpp"

namespace nikawa::h2 {

/// nghttp2's callbacks as members of `Connection`, which is the user data of its sessions.
/// `Connection::Stream` is that of their streams; none once the connection has left one. The
/// members record and notify; none of them enters nghttp2's receiving or sending again, or resumes
/// anyone.
template <class Connection>
class Callbacks {
public:
    using Stream = typename Connection::Stream;

    /// The callbacks that all sessions of such connections share.
    static const nghttp2_session_callbacks* shared() {
        static const nghttp2_session_callbacks* const callbacks = make();
        return callbacks;
    }

    static Stream* stream_of(nghttp2_session* session, std::int32_t id) noexcept {
        return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
    }

    /// What a message's body is read by; its bytes are copied once, into the output.
    static nghttp2_data_provider body() {
        nghttp2_data_provider provider{};
        provider.read_callback = read_body;
        return provider;
    }

private:
    static nghttp2_session_callbacks* make() {
        nghttp2_session_callbacks* made = nullptr;
        nghttp2_session_callbacks_new(&made);
        nghttp2_session_callbacks_set_on_frame_send_callback(made, on_frame_send);
        nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(made, on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(made, on_invalid_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame_recv);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data_chunk);
        nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
        nghttp2_session_callbacks_set_send_data_callback(made, send_data);
        return made;
    }

    static Connection& self(void* connection) { return *static_cast<Connection*>(connection); }

    static int on_frame_send(nghttp2_session* /*session*/,
                             const nghttp2_frame* frame,
                             void* connection) noexcept {
        self(connection).on_frame_sent(*frame);
        return 0;
    }

    static int on_begin_headers(nghttp2_session* /*session*/,
                                const nghttp2_frame* frame,
                                void* connection) noexcept {
        return self(connection).on_begin_headers(*frame);
    }

    static int on_header(nghttp2_session* /*session*/,
                         const nghttp2_frame* frame,
                         const std::uint8_t* name,
                         std::size_t name_size,
                         const std::uint8_t* value,
                         std::size_t value_size,
                         std::uint8_t /*flags*/,
                         void* connection) noexcept {
        return self(connection)
            .on_field(*frame, http::text(name, name_size), http::text(value, value_size));
    }

    // Without this, nghttp2 would leave the field out and let the message pass.
    static int on_invalid_header(nghttp2_session* /*session*/,
                                 const nghttp2_frame* frame,
                                 const std::uint8_t* /*name*/,
                                 std::size_t /*name_size*/,
                                 const std::uint8_t* /*value*/,
                                 std::size_t /*value_size*/,
                                 std::uint8_t /*flags*/,
                                 void* connection) noexcept {
        return self(connection).on_invalid_field(*frame);
    }

    static int on_frame_recv(nghttp2_session* /*session*/,
                             const nghttp2_frame* frame,
                             void* connection) noexcept {
        self(connection).on_frame_received(*frame);
        return 0;
    }

    static int on_data_chunk(nghttp2_session* session,
                             std::uint8_t /*flags*/,
                             std::int32_t stream,
                             const std::uint8_t* data,
                             std::size_t size,
                             void* connection) noexcept {
        nghttp2_session_consume_connection(session, size);
        self(connection).on_data(stream_of(session, stream), http::text(data, size));
        return 0;
    }

    static int on_stream_close(nghttp2_session* session,
                               std::int32_t stream,
                               std::uint32_t error_code,
                               void* connection) noexcept {
        self(connection).on_stream_closed(stream, stream_of(session, stream), error_code);
        return 0;
    }

    static ssize_t read_body(nghttp2_session* session,
                             std::int32_t id,
                             std::uint8_t* /*buffer*/,
                             std::size_t room,
                             std::uint32_t* flags,
                             nghttp2_data_source* /*source*/,
                             void* connection) noexcept {
        using BodyEnd = typename Stream::BodyEnd;
        Stream* const stream = stream_of(session, id);
        if (stream == nullptr) return NGHTTP2_ERR_DEFERRED;  // reset; the RST_STREAM is on its way
        const auto size = stream->sendable(room);
        const auto end = stream->end_after(size);
        if (size == 0 && end == BodyEnd::open) return NGHTTP2_ERR_DEFERRED;
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (end != BodyEnd::open) *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (end == BodyEnd::before_trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            self(connection).submit_trailers(id, stream->trailers_to_send());
        }
        return static_cast<ssize_t>(size);
    }

    // The frame goes straight from where the body lies to the output.
    static int send_data(nghttp2_session* session,
                         nghttp2_frame* frame,
                         const std::uint8_t* frame_head,
                         std::size_t size,
                         nghttp2_data_source* /*source*/,
                         void* connection) noexcept {
        constexpr std::size_t frame_head_bytes = 9;
        Stream* const stream = stream_of(session, frame->hd.stream_id);
        // Who was let go has taken back what waited for room here: with it the message is broken.
        if (stream == nullptr || stream->sendable(size) < size) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        // One call of the library goes on from frame to frame as long as they are put here.
        Output& to = self(connection).output();
        if (to.is_full()) return NGHTTP2_ERR_WOULDBLOCK;
        self(connection).on_data_sent(size);
        std::string& output = to.buffer();
        output.append(http::text(frame_head, frame_head_bytes));
        stream->move_body_to(output, size);
        return 0;
    }
};

}  // namespace nikawa::h2
