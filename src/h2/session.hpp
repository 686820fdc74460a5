#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/time.hpp"
#include "nikawa/http/flood_guard.hpp"

namespace nikawa::h2 {

/// nghttp2's part of a connection.
using SessionHandle = std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)>;

/// Which end of its connection a session is.
enum class Role : std::uint8_t { client, server };

/// A session that leaves windows and floods to its owner. `connection` is what `callbacks` are
/// given. A server's is fed what follows the preface (RFC 9113 §3.4).
SessionHandle make_session(Role role, const nghttp2_session_callbacks* callbacks, void* connection);

/// A field to submit; nghttp2 copies both parts and writes the name in lower case.
nghttp2_nv pair(Bytes name, Bytes value, std::uint8_t flags = NGHTTP2_NV_FLAG_NONE);

/// What became of the bytes that a session was fed.
enum class Fed : std::uint8_t { whole, flood, malformed };

/// Has `session` take what came as far as `guard` admits it. The callbacks run below this.
Fed feed(nghttp2_session* session, http::FloodGuard& guard, Bytes bytes, TimePoint now);

/// How much the peer may still send on a stream.
std::int64_t promised(nghttp2_session* session, std::int32_t stream);

/// Lets the peer have `window` bytes under way or unread on a stream that holds `unread` of them;
/// false when it is not worth a frame.
bool offer(nghttp2_session* session, std::int32_t stream, std::size_t window, std::size_t unread);

/// Whether all has been said and heard: GOAWAY went out, the owner's or nghttp2's over an error.
bool is_over(nghttp2_session* session);

}  // namespace nikawa::h2
