#include "nikawa/proxy/may_resend.hpp"

#include <gtest/gtest.h>

namespace nikawa::proxy {
namespace {

TEST(IsIdempotent, ByDefinitionOfTheMethod) {  // RFC 9110 §9.2.2
    for (const auto* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
        EXPECT_TRUE(is_idempotent(method)) << method;
    }
    for (const auto* method : {"POST", "PATCH", "CONNECT", "PURGE", "get", ""}) {
        EXPECT_FALSE(is_idempotent(method)) << method;
    }
}

TEST(IsSafe, ByDefinitionOfTheMethod) {  // RFC 9110 §9.2.1
    for (const auto* method : {"GET", "HEAD", "OPTIONS", "TRACE"}) {
        EXPECT_TRUE(is_safe(method)) << method;
    }
    for (const auto* method : {"PUT", "DELETE", "POST", "PATCH", "CONNECT", "get", ""}) {
        EXPECT_FALSE(is_safe(method)) << method;
    }
}

TEST(MayResend, FollowsTheTable) {
    constexpr bool reused = true;
    constexpr bool fresh = false;
    constexpr bool begun = true;
    constexpr bool silent = false;
    constexpr bool whole = true;
    constexpr bool gone = false;
    struct Row {
        const char* method;
        Errc code;
        bool session_reused;
        bool response_begun;
        bool request_is_whole;
        unsigned attempts;
        bool expected;
    };
    const Row rows[] = {
        // The origin has certainly not acted: RFC 9113 §8.7.
        {"POST", Errc::stream_refused, fresh, silent, whole, 1, true},
        {"POST", Errc::stream_refused, reused, silent, whole, 2, true},
        {"POST", Errc::stream_refused, reused, silent, whole, 3, false},
        {"POST", Errc::stream_refused, reused, silent, gone, 1, false},
        {"POST", Errc::stream_declined, reused, silent, whole, 2, true},
        {"POST", Errc::stream_declined, reused, silent, whole, 3, false},
        {"POST", Errc::http_1_1_required, reused, silent, whole, 1, true},
        {"POST", Errc::http_1_1_required, reused, silent, whole, 3, false},
        {"POST", Errc::http_1_1_required, reused, silent, gone, 1, false},
        // The keep-alive race: RFC 9112 §9.3.1.
        {"GET", Errc::peer_closed, reused, silent, whole, 1, true},
        {"PUT", Errc::peer_closed, reused, silent, whole, 1, true},
        {"GET", Errc::peer_closed, reused, silent, whole, 2, true},  // several may be stale
        {"GET", Errc::peer_closed, reused, silent, whole, 3, false},
        {"GET", Errc::peer_closed, fresh, silent, whole, 1, false},
        {"GET", Errc::peer_closed, reused, begun, whole, 1, false},
        {"PUT", Errc::peer_closed, reused, silent, gone, 1, false},
        {"POST", Errc::peer_closed, reused, silent, whole, 1, false},
        {"PATCH", Errc::peer_closed, reused, silent, whole, 1, false},
        {"PURGE", Errc::peer_closed, reused, silent, whole, 1, false},
        // TLS that fails behind its handshake, or beside early data, is an end like others.
        {"GET", Errc::tls_failed, reused, silent, whole, 1, true},
        {"GET", Errc::tls_failed, fresh, silent, whole, 1, false},
        {"POST", Errc::tls_failed, reused, silent, whole, 1, false},
        // Everything else may have been acted on, or would only fail again.
        {"GET", Errc::stream_reset, reused, silent, whole, 1, false},
        {"GET", Errc::malformed, reused, silent, whole, 1, false},
        {"GET", Errc::response_head_timed_out, reused, silent, whole, 1, false},
        {"GET", Errc::write_timed_out, reused, silent, whole, 1, false},
        {"GET", Errc::client_gone, reused, silent, whole, 1, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string{row.method} + " " + std::string{name_of(row.code)});
        EXPECT_EQ(may_resend({.method = row.method,
                              .failure = {row.code, Side::origin},
                              .session_reused = row.session_reused,
                              .response_begun = row.response_begun,
                              .request_is_whole = row.request_is_whole,
                              .attempts = row.attempts}),
                  row.expected);
    }
}

TEST(RetryCost, OnlyWhatTheOriginSendsBackIsFreeAndOnlyOnce) {
    struct Row {
        Errc code;
        unsigned attempts;
        pool::RetryCost expected;
    };
    const Row rows[] = {
        {Errc::stream_refused, 1, pool::RetryCost::free},
        {Errc::stream_refused, 2, pool::RetryCost::counted},
        {Errc::http_1_1_required, 1, pool::RetryCost::free},
        {Errc::http_1_1_required, 2, pool::RetryCost::counted},
        {Errc::stream_declined, 1, pool::RetryCost::counted},
        {Errc::peer_closed, 1, pool::RetryCost::counted},
        {Errc::tls_failed, 1, pool::RetryCost::counted},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string{name_of(row.code)} + " " + std::to_string(row.attempts));
        EXPECT_EQ(
            retry_cost(
                {.method = "GET", .failure = {row.code, Side::origin}, .attempts = row.attempts}),
            row.expected);
    }
}

}  // namespace
}  // namespace nikawa::proxy
