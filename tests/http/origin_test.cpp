#include "nikawa/http/origin.hpp"

#include <gtest/gtest.h>

namespace nikawa::http {
namespace {

TEST(Origin, IsWrittenAsInAHostFieldAndAsAUri) {
    struct Row {
        Origin origin;
        std::string authority;
        std::string uri;
    };
    const Row rows[] = {
        {{Scheme::https, "example.com", 443}, "example.com", "https://example.com"},
        {{Scheme::http, "example.com", 80}, "example.com", "http://example.com"},
        {{Scheme::https, "example.com", 80}, "example.com:80", "https://example.com:80"},
        {{Scheme::http, "example.com", 65535}, "example.com:65535", "http://example.com:65535"},
        {{Scheme::https, "192.0.2.1", 8443}, "192.0.2.1:8443", "https://192.0.2.1:8443"},
        // RFC 3986 §3.2.2
        {{Scheme::https, "2001:db8::1", 443}, "[2001:db8::1]", "https://[2001:db8::1]"},
        {{Scheme::http, "::1", 3000}, "[::1]:3000", "http://[::1]:3000"},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(row.origin.authority(), row.authority);
        EXPECT_EQ(row.origin.to_string(), row.uri);
    }
}

}  // namespace
}  // namespace nikawa::http
