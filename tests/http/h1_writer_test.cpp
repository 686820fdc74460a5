#include "nikawa/http/h1_writer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace nikawa::http {
namespace {

constexpr auto v10 = Version::http_1_0;
constexpr auto v11 = Version::http_1_1;

std::string request(const RequestHead& head, const BodyFraming& framing) {
    std::string out = "before";  // what is there stays
    append_request_head(out, head, framing);
    EXPECT_TRUE(out.starts_with("before"));
    return out.substr(6);
}

std::string response(const ResponseHead& head,
                     const BodyFraming& framing,
                     Version client = v11,
                     Persistence persistence = Persistence::keep_alive) {
    std::string out;
    append_response_head(out, head, framing, client, persistence);
    return out;
}

ResponseHead ok() {
    ResponseHead head;
    head.status = 200;
    head.reason = "OK";
    return head;
}

TEST(AppendRequestHead, WritesTheFieldsAsTheyStand) {
    RequestHead head;
    head.method = "POST";
    head.target = "/a?b=%20c";
    head.fields.add("hOsT", "a.example");
    head.fields.add("x-empty", "");
    head.fields.add("Content-Length", "5");
    EXPECT_EQ(
        request(head, Sized{5}),
        "POST /a?b=%20c HTTP/1.1\r\nhOsT: a.example\r\nx-empty: \r\nContent-Length: 5\r\n\r\n");
    head.version = v10;  // the client's; ours is 1.1
    head.fields.clear();
    EXPECT_EQ(request(head, Chunked{}),
              "POST /a?b=%20c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_EQ(request(head, NoBody{}), "POST /a?b=%20c HTTP/1.1\r\n\r\n");
}

TEST(AppendRequestHead, WritesWhatCameOverHttp2AsHttp11Does) {
    RequestHead head;
    head.method = "POST";
    head.target = "/";
    head.version = Version::http_2;
    head.fields.add("Host", "a.example");
    head.fields.add("x-amz-date", "today");
    head.fields.add("te", "trailers");  // for origins over HTTP/2
    EXPECT_EQ(request(head, Sized{0}),
              "POST / HTTP/1.1\r\nHost: a.example\r\nX-Amz-Date: today\r\n\r\n");
}

// RFC 9110 §8.6: over HTTP/2 the end of the head says what a length says here.
TEST(AppendRequestHead, SaysThatThereIsNoContentWhereSomeIsMeant) {
    constexpr std::string_view line = "Content-Length: 0\r\n";
    const struct {
        const char* method;
        Version version;
        BodyFraming framing;
        const char* length;  // the client's
        std::string_view expected;
    } rows[] = {
        {"POST", Version::http_2, NoBody{}, nullptr, line},
        {"PUT", Version::http_2, NoBody{}, nullptr, line},
        {"PATCH", Version::http_2, NoBody{}, nullptr, line},
        {"POST", Version::http_2, Sized{0}, "0", line},
        {"POST", Version::http_2, Chunked{}, nullptr, "Transfer-Encoding: chunked\r\n"},
        {"GET", Version::http_2, NoBody{}, nullptr, ""},
        {"HEAD", Version::http_2, NoBody{}, nullptr, ""},
        {"DELETE", Version::http_2, NoBody{}, nullptr, ""},
        {"OPTIONS", Version::http_2, NoBody{}, nullptr, ""},
        {"post", Version::http_2, NoBody{}, nullptr, ""},
        {"POST", v11, NoBody{}, nullptr, ""},  // it could have said so
        {"POST", v10, NoBody{}, nullptr, ""},
    };
    for (const auto& row : rows) {
        RequestHead head;
        head.method = row.method;
        head.target = "/";
        head.version = row.version;
        if (row.length != nullptr) head.fields.add("content-length", row.length);
        EXPECT_EQ(request(head, row.framing),
                  std::string{row.method}.append(" / HTTP/1.1\r\n").append(row.expected) + "\r\n");
    }
}

// RFC 9113 §8.1: a response may end with its head.
TEST(AppendResponseHead, SaysALengthThatIsKnownAndWasNotSaid) {
    auto head = ok();
    EXPECT_EQ(response(head, Sized{0}), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    head.fields.add("Content-Length", "0");
    EXPECT_EQ(response(head, Sized{0}), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(AppendResponseHead, AddsTheFraming) {
    EXPECT_EQ(response(ok(), NoBody{}), "HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(response(ok(), Chunked{}), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    auto head = ok();
    head.fields.add("content-LENGTH", "5");
    EXPECT_EQ(response(head, Sized{5}), "HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\n\r\n");
    EXPECT_EQ(response(head, NoBody{}), "HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\n\r\n");
}

// RFC 9112 §6.3 item 5: what was accepted as repeated goes on as one.
TEST(AppendResponseHead, WritesOneContentLength) {
    auto head = ok();
    head.fields.add("Content-Length", "5, 5");
    head.fields.add("A", "x");
    head.fields.add("content-length", "5");
    EXPECT_EQ(response(head, Sized{5}), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: x\r\n\r\n");
    head.fields.set("Content-Length", "18446744073709551615");
    EXPECT_EQ(response(head, Sized{UINT64_MAX}),
              "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\nA: x\r\n\r\n");
}

TEST(AppendResponseHead, WritesOneContentLengthWithoutABodyToo) {
    auto head = ok();
    head.fields.add("Content-Length", "5, 5");
    head.fields.add("Content-Length", "5");
    EXPECT_EQ(response(head, NoBody{}), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
}

TEST(AppendResponseHead, WritesNoContentLengthWhereNoneMayStand) {  // RFC 9110 §8.6
    for (const unsigned status : {103U, 204U}) {
        ResponseHead head;
        head.status = status;
        head.reason = "x";
        head.fields.add("Content-Length", "5");
        head.fields.add("A", "b");
        EXPECT_EQ(response(head, NoBody{}),
                  "HTTP/1.1 " + std::to_string(status) + " x\r\nA: b\r\n\r\n");
    }
}

// RFC 9112 §9.3: each version says only what is not its default.
TEST(AppendResponseHead, SaysHowTheConnectionGoesOn) {
    const auto keep = Persistence::keep_alive;
    const auto close = Persistence::close;
    EXPECT_EQ(response(ok(), NoBody{}, v11, keep), "HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(response(ok(), NoBody{}, v11, close), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(response(ok(), NoBody{}, v10, keep),
              "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(response(ok(), UntilClose{}, v10, close), "HTTP/1.1 200 OK\r\n\r\n");
}

TEST(AppendResponseHead, WritesNamesFromHttp2InCanonicalCase) {
    ResponseHead head;
    head.status = 404;
    head.version = Version::http_2;
    head.fields.add("x-request-id", "a-b");
    head.fields.add("content-length", "5");
    head.fields.add("x--a1b-2c", "");
    head.fields.add("via", "2 x");
    head.fields.add("etag", "\"e\"");
    head.fields.add("www-authenticate", "Basic");
    EXPECT_EQ(response(head, Sized{5}),
              "HTTP/1.1 404 Not Found\r\nX-Request-Id: a-b\r\nContent-Length: 5\r\nX--A1b-2c: \r\n"
              "Via: 2 x\r\nETag: \"e\"\r\nWWW-Authenticate: Basic\r\n\r\n");
    head.version = v11;
    head.fields.clear();
    head.fields.add("x-request-id", "a-b");
    EXPECT_EQ(response(head, NoBody{}), "HTTP/1.1 404 Not Found\r\nx-request-id: a-b\r\n\r\n");
}

TEST(AppendResponseHead, KeepsTheOriginsReasonOrGivesTheStandardOne) {
    ResponseHead head;
    head.status = 200;
    EXPECT_EQ(response(head, NoBody{}), "HTTP/1.1 200 OK\r\n\r\n");
    head.reason = "Fine";
    EXPECT_EQ(response(head, NoBody{}), "HTTP/1.1 200 Fine\r\n\r\n");
    head.status = 999;
    head.reason.clear();
    EXPECT_EQ(response(head, NoBody{}), "HTTP/1.1 999 \r\n\r\n");  // the space stays: RFC 9112 §4
}

TEST(ChunkHead, IsTheSizeInHexadecimal) {
    EXPECT_EQ(ChunkHead{1}.bytes(), "1\r\n");
    EXPECT_EQ(ChunkHead{255}.bytes(), "ff\r\n");
    EXPECT_EQ(ChunkHead{16384}.bytes(), "4000\r\n");
    EXPECT_EQ(ChunkHead{UINT64_MAX}.bytes(), "ffffffffffffffff\r\n");
}

TEST(AppendLastChunk, EndsWithTheTrailers) {
    std::string out;
    FieldBlock trailers;
    append_last_chunk(out, trailers, Version::http_1_1);
    EXPECT_EQ(out, "0\r\n\r\n");
    trailers.add("X-Sum", "1");
    trailers.add("b", "");
    append_last_chunk(out, trailers, Version::http_1_1);
    EXPECT_EQ(out, "0\r\n\r\n0\r\nX-Sum: 1\r\nb: \r\n\r\n");
    out.clear();
    append_last_chunk(out, trailers, Version::http_2);
    EXPECT_EQ(out, "0\r\nX-Sum: 1\r\nB: \r\n\r\n");
}

}  // namespace
}  // namespace nikawa::http
