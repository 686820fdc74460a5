#include "h2/session.hpp"

#include "nikawa/http/octets.hpp"
#include "nikawa/http/receive_window.hpp"

namespace nikawa::h2 {
namespace {

// All sessions share one.
const nghttp2_option* option() {
    static const nghttp2_option* const shared = [] {
        nghttp2_option* made = nullptr;
        nghttp2_option_new(&made);
        nghttp2_option_set_no_auto_window_update(made, 1);
        nghttp2_option_set_no_closed_streams(made, 1);
        nghttp2_option_set_no_recv_client_magic(made, 1);
        // Heads are bounded where they are received, and by who is sent one.
        constexpr std::size_t no_limit = std::size_t{64} * 1024 * 1024;
        nghttp2_option_set_max_send_header_block_length(made, no_limit);
        // A flood is for us to see, who can say so.
        nghttp2_option_set_max_outbound_ack(made, 2 * http::FrameAllowance::most);
        return made;
    }();
    return shared;
}

bool is_flood(ssize_t error) {
    return error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_TOO_MANY_SETTINGS ||
           error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
}

}  // namespace

SessionHandle make_session(Role role,
                           const nghttp2_session_callbacks* callbacks,
                           void* connection) {
    const auto make =
        role == Role::client ? &nghttp2_session_client_new2 : &nghttp2_session_server_new2;
    nghttp2_session* made = nullptr;
    make(&made, callbacks, connection, option());
    return {made, nghttp2_session_del};
}

nghttp2_nv pair(Bytes name, Bytes value, std::uint8_t flags) {
    return {http::octets(name), http::octets(value), name.size(), value.size(), flags};
}

Fed feed(nghttp2_session* session, http::FloodGuard& guard, Bytes bytes, TimePoint now) {
    const auto is_left = [session](std::int32_t stream) {
        return nghttp2_session_get_stream_user_data(session, stream) == nullptr;
    };
    while (!bytes.empty()) {
        const auto admitted = guard.admit(bytes, now, is_left);
        if (!admitted) return Fed::flood;
        const auto taken = nghttp2_session_mem_recv(session, http::octets(bytes), *admitted);
        if (taken < 0) return is_flood(taken) ? Fed::flood : Fed::malformed;
        bytes.remove_prefix(*admitted);
    }
    return Fed::whole;
}

std::int64_t promised(nghttp2_session* session, std::int32_t stream) {
    const std::int64_t window =
        nghttp2_session_get_stream_effective_local_window_size(session, stream);
    return window - nghttp2_session_get_stream_effective_recv_data_length(session, stream);
}

bool offer(nghttp2_session* session, std::int32_t stream, std::size_t window, std::size_t unread) {
    const auto more = http::window_increment(window, promised(session, stream), unread);
    if (more == 0) return false;
    nghttp2_submit_window_update(
        session, NGHTTP2_FLAG_NONE, stream, static_cast<std::int32_t>(more));
    return true;
}

bool is_over(nghttp2_session* session) {
    return nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0;
}

}  // namespace nikawa::h2
