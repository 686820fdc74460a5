#include "nikawa/http/body_framing.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace nikawa::http {
namespace {

using Lines = std::vector<std::pair<std::string_view, std::string_view>>;

constexpr Failure ambiguous{Errc::bad_framing, Side::client};
constexpr Failure malformed{Errc::malformed, Side::origin};

FieldBlock block_of(const Lines& lines) {
    FieldBlock fields;
    for (const auto& [name, value] : lines) fields.add(name, value);
    return fields;
}

void expect_same(const Result<BodyFraming>& got, const Result<BodyFraming>& expected) {
    ASSERT_EQ(got.has_value(), expected.has_value());
    if (got) {
        EXPECT_EQ(*got, *expected);
    } else {
        EXPECT_EQ(got.error(), expected.error());
    }
}

std::string text_of(const Lines& lines) {
    std::string text;
    for (const auto& [name, value] : lines)
        text.append(name).append(": ").append(value).append("\n");
    return text;
}

// RFC 9112 §6.1, §6.2, §6.3.
TEST(RequestFraming, FollowsTheTable) {
    struct Row {
        Lines lines;
        Result<BodyFraming> framing;
        Version version = Version::http_1_1;
    };
    const Row rows[] = {
        {{}, BodyFraming{NoBody{}}},
        {{}, BodyFraming{NoBody{}}, Version::http_1_0},
        {{{"Content-Length", "5"}}, BodyFraming{Sized{5}}},
        {{{"content-length", "0"}}, BodyFraming{Sized{0}}},
        {{{"Content-Length", "007"}}, BodyFraming{Sized{7}}},
        {{{"Content-Length", "5"}}, BodyFraming{Sized{5}}, Version::http_1_0},
        {{{"Content-Length", "18446744073709551615"}}, BodyFraming{Sized{UINT64_MAX}}},
        {{{"Transfer-Encoding", "chunked"}}, BodyFraming{Chunked{}}},
        {{{"transfer-encoding", "Chunked"}}, BodyFraming{Chunked{}}},
        // Lengths that are none.
        {{{"Content-Length", ""}}, ambiguous},
        {{{"Content-Length", "+5"}}, ambiguous},
        {{{"Content-Length", "-5"}}, ambiguous},
        {{{"Content-Length", "0x5"}}, ambiguous},
        {{{"Content-Length", "5 5"}}, ambiguous},
        {{{"Content-Length", "5,"}}, ambiguous},
        {{{"Content-Length", "5;"}}, ambiguous},
        {{{"Content-Length", "1e3"}}, ambiguous},
        {{{"Content-Length", "18446744073709551616"}}, ambiguous},
        // More than one, even when they agree.
        {{{"Content-Length", "5"}, {"Content-Length", "6"}}, ambiguous},
        {{{"Content-Length", "5"}, {"content-length", "5"}}, ambiguous},
        {{{"Content-Length", "5, 5"}}, ambiguous},
        // Two framings, in either order (request smuggling, §11.2).
        {{{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}, ambiguous},
        {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}, ambiguous},
        // Anything but exactly chunked.
        {{{"Transfer-Encoding", "gzip"}}, ambiguous},
        {{{"Transfer-Encoding", "gzip"}, {"Content-Length", "5"}}, ambiguous},
        {{{"Transfer-Encoding", "xchunked"}, {"Content-Length", "5"}}, ambiguous},
        {{{"Transfer-Encoding", "identity"}}, ambiguous},
        {{{"Transfer-Encoding", ""}}, ambiguous},
        {{{"Transfer-Encoding", "xchunked"}}, ambiguous},
        {{{"Transfer-Encoding", "gzip, chunked"}}, ambiguous},
        {{{"Transfer-Encoding", "chunked, identity"}}, ambiguous},
        {{{"Transfer-Encoding", "chunked, chunked"}}, ambiguous},
        {{{"Transfer-Encoding", "chunked;q=1"}}, ambiguous},
        {{{"Transfer-Encoding", "\vchunked"}}, ambiguous},
        {{{"Transfer-Encoding", "\"chunked\""}}, ambiguous},
        {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, ambiguous},
        {{{"Transfer-Encoding", "gzip"}, {"Transfer-Encoding", "chunked"}}, ambiguous},
        // A 1.0 recipient before us may not have known the field (§6.1).
        {{{"Transfer-Encoding", "chunked"}}, ambiguous, Version::http_1_0},
        // Names that only look alike.
        {{{"Transfer_Encoding", "chunked"}, {"Content_Length", "5"}}, BodyFraming{NoBody{}}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(text_of(row.lines));
        RequestHead head;
        head.method = "POST";
        head.version = row.version;
        head.fields = block_of(row.lines);
        expect_same(request_framing(head), row.framing);
    }
}

// RFC 9112 §6.3, RFC 9113 §8.1.1.
TEST(ResponseFraming, FollowsTheTable) {
    struct Row {
        std::string_view method;
        unsigned status;
        Version version;
        Lines lines;
        Result<BodyFraming> framing;
    };
    constexpr auto v10 = Version::http_1_0;
    constexpr auto v11 = Version::http_1_1;
    constexpr auto v2 = Version::http_2;
    const Lines five = {{"Content-Length", "5"}};
    const Lines chunked = {{"Transfer-Encoding", "chunked"}};
    const Row rows[] = {
        {"GET", 200, v11, five, BodyFraming{Sized{5}}},
        {"GET", 200, v10, five, BodyFraming{Sized{5}}},
        {"GET", 200, v2, five, BodyFraming{Sized{5}}},
        {"GET", 200, v11, {{"Content-Length", "0"}}, BodyFraming{Sized{0}}},
        {"GET", 200, v11, chunked, BodyFraming{Chunked{}}},
        {"GET", 200, v11, {{"transfer-encoding", "CHUNKED"}}, BodyFraming{Chunked{}}},
        {"GET", 200, v11, {}, BodyFraming{UntilClose{}}},
        {"GET", 200, v10, {}, BodyFraming{UntilClose{}}},
        {"GET", 200, v2, {}, BodyFraming{Chunked{}}},
        // Item 1: no body whatever the fields say.
        {"HEAD", 200, v11, five, BodyFraming{NoBody{}}},
        {"HEAD", 200, v11, chunked, BodyFraming{NoBody{}}},
        {"HEAD", 200, v2, {}, BodyFraming{NoBody{}}},
        {"GET", 100, v11, {}, BodyFraming{NoBody{}}},
        {"GET", 103, v11, five, BodyFraming{NoBody{}}},
        {"GET", 204, v11, chunked, BodyFraming{NoBody{}}},
        {"GET", 204, v11, five, BodyFraming{NoBody{}}},
        {"GET", 304, v11, five, BodyFraming{NoBody{}}},
        {"GET", 304, v2, {}, BodyFraming{NoBody{}}},
        // But a length that is none is not passed on, where one may stand (RFC 9110 §8.6).
        {"HEAD", 200, v11, {{"Content-Length", "5, 5"}}, BodyFraming{NoBody{}}},
        {"HEAD", 200, v11, {{"Content-Length", "5, 6"}}, malformed},
        {"GET", 304, v11, {{"Content-Length", "x"}}, malformed},
        {"GET", 204, v11, {{"Content-Length", "x"}}, BodyFraming{NoBody{}}},
        // Methods are compared as they are (RFC 9110 §9.1).
        {"head", 200, v11, five, BodyFraming{Sized{5}}},
        // Others are framed as any response.
        {"POST", 205, v11, {}, BodyFraming{UntilClose{}}},
        {"GET", 500, v11, chunked, BodyFraming{Chunked{}}},
        // Item 5: repeats of one length are that length.
        {"GET", 200, v11, {{"Content-Length", "5, 5"}}, BodyFraming{Sized{5}}},
        {"GET", 200, v11, {five[0], five[0]}, BodyFraming{Sized{5}}},
        {"GET", 200, v11, {{"Content-Length", "5, 6"}}, malformed},
        {"GET", 200, v11, {five[0], {"Content-Length", "6"}}, malformed},
        {"GET", 200, v11, {five[0], {"Content-Length", ""}}, malformed},
        {"GET", 200, v11, {{"Content-Length", ""}, five[0]}, malformed},
        {"GET", 200, v11, {{"Content-Length", "x, 5"}}, malformed},
        {"GET", 200, v11, {{"Content-Length", "-1"}}, malformed},
        {"GET", 200, v11, {{"Content-Length", ""}}, malformed},
        {"GET", 200, v11, {{"Content-Length", "18446744073709551616"}}, malformed},
        // Item 3, and codings that we do not take off.
        {"GET", 200, v11, {chunked[0], five[0]}, malformed},
        {"GET", 200, v11, {five[0], chunked[0]}, malformed},
        {"GET", 200, v11, {{"Transfer-Encoding", "gzip, chunked"}}, malformed},
        {"GET", 200, v11, {{"Transfer-Encoding", "gzip"}}, malformed},
        {"GET", 200, v11, {{"Transfer-Encoding", "identity"}}, malformed},
        {"GET", 200, v11, {chunked[0], chunked[0]}, malformed},
        {"GET", 200, v10, chunked, malformed},
        {"GET", 200, v2, chunked, malformed},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string{row.method} + " " + std::to_string(row.status) + "\n" +
                     text_of(row.lines));
        ResponseHead head;
        head.status = row.status;
        head.version = row.version;
        head.fields = block_of(row.lines);
        expect_same(response_framing(row.method, head), row.framing);
    }
}

TEST(ParseDecimal, TakesDigitsOnly) {
    EXPECT_EQ(parse_decimal("0"), 0U);
    EXPECT_EQ(parse_decimal("00042"), 42U);
    EXPECT_EQ(parse_decimal("18446744073709551615"), UINT64_MAX);
    for (const std::string_view none :
         {"", " ", " 1", "1 ", "+1", "-1", "-0", "0x1", "1,1", "1.0", "18446744073709551616"}) {
        EXPECT_EQ(parse_decimal(none), std::nullopt) << none;
    }
    EXPECT_EQ(parse_decimal(std::string_view{}), std::nullopt);
    EXPECT_EQ(parse_decimal(std::string_view{"1\0", 2}), std::nullopt);
}

}  // namespace
}  // namespace nikawa::http
