#include "client/h2_reset.hpp"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include "nikawa/http/h2_error.hpp"

namespace nikawa::client {
namespace {

Failure reset_by_origin(std::uint32_t code) {
    return {Errc::stream_reset, Side::origin, http::h2_error(code)};
}

TEST(ResetFor, FollowsTheTable) {
    struct Row {
        Failure why;
        std::uint32_t code;
    };
    const Row rows[] = {
        {reset_by_origin(NGHTTP2_CANCEL), NGHTTP2_CANCEL},
        {reset_by_origin(NGHTTP2_ENHANCE_YOUR_CALM), NGHTTP2_ENHANCE_YOUR_CALM},
        {reset_by_origin(NGHTTP2_NO_ERROR), NGHTTP2_INTERNAL_ERROR},
        {reset_by_origin(NGHTTP2_PROTOCOL_ERROR), NGHTTP2_INTERNAL_ERROR},
        {reset_by_origin(NGHTTP2_INTERNAL_ERROR), NGHTTP2_INTERNAL_ERROR},
        {reset_by_origin(NGHTTP2_FLOW_CONTROL_ERROR), NGHTTP2_INTERNAL_ERROR},
        {reset_by_origin(NGHTTP2_STREAM_CLOSED), NGHTTP2_INTERNAL_ERROR},
        {reset_by_origin(NGHTTP2_REFUSED_STREAM), NGHTTP2_INTERNAL_ERROR},
        {reset_by_origin(NGHTTP2_CONNECT_ERROR), NGHTTP2_INTERNAL_ERROR},
        {reset_by_origin(NGHTTP2_INADEQUATE_SECURITY), NGHTTP2_INTERNAL_ERROR},
        {reset_by_origin(NGHTTP2_HTTP_1_1_REQUIRED), NGHTTP2_INTERNAL_ERROR},
        {reset_by_origin(0x12345678), NGHTTP2_INTERNAL_ERROR},  // RFC 9113 §7

        // Only a reset is the origin's word on this request.
        {{Errc::malformed, Side::origin, http::h2_error(NGHTTP2_CANCEL)}, NGHTTP2_INTERNAL_ERROR},
        {{Errc::peer_closed,
          Side::origin,
          boost::system::errc::make_error_code(boost::system::errc::connection_reset)},
         NGHTTP2_INTERNAL_ERROR},
        {{Errc::stream_reset, Side::origin, {NGHTTP2_CANCEL, boost::system::system_category()}},
         NGHTTP2_INTERNAL_ERROR},
        {{Errc::http_1_1_required, Side::origin}, NGHTTP2_INTERNAL_ERROR},

        {{Errc::response_body_timed_out, Side::origin}, NGHTTP2_INTERNAL_ERROR},
        {{Errc::write_timed_out, Side::origin}, NGHTTP2_INTERNAL_ERROR},
        {{Errc::write_timed_out, Side::client}, NGHTTP2_CANCEL},
        {{Errc::abandoned, Side::self}, NGHTTP2_INTERNAL_ERROR},
        {{Errc::memory_exhausted, Side::self}, NGHTTP2_ENHANCE_YOUR_CALM},
        {{Errc::body_too_large, Side::client}, NGHTTP2_ENHANCE_YOUR_CALM},
        {{Errc::signed_body_too_large, Side::client}, NGHTTP2_ENHANCE_YOUR_CALM},
        {{Errc::bad_framing, Side::client}, NGHTTP2_PROTOCOL_ERROR},
        {{Errc::signature_refused, Side::client}, NGHTTP2_PROTOCOL_ERROR},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(describe(row.why));
        EXPECT_EQ(static_cast<std::uint32_t>(reset_for(row.why)), row.code);
    }
}

}  // namespace
}  // namespace nikawa::client
