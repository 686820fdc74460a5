#include "nikawa/http/h1_head_parser.hpp"

#include <gtest/gtest.h>

#include <string>

#include "nikawa/http/body_framing.hpp"
#include "nikawa/http/head_fault.hpp"

namespace nikawa::http {
namespace {

std::string text_of(const FieldBlock& fields) {
    std::string text;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        text.append(fields[i].name).append("=").append(fields[i].value).append("|");
    }
    return text;
}

std::size_t taken_of(const Result<std::size_t>& result) {
    EXPECT_TRUE(result);
    return result ? *result : Bytes::npos;
}

/// The request's texts, or its failure's name.
std::string request_of(Bytes input, HeadLimits limits = {}) {
    RequestHead head;
    const auto taken = H1HeadParser{limits}.parse_request(input, head);
    if (!taken) {
        EXPECT_EQ(taken.error().side, Side::client);
        return std::string{name_of(taken.error().code)};
    }
    if (*taken == 0) return "more";
    EXPECT_EQ(*taken, input.size());
    return head.method + " " + head.target +
           (head.version == Version::http_1_0 ? " 1.0 " : " 1.1 ") + text_of(head.fields);
}

std::string response_of(Bytes input, HeadLimits limits = {}) {
    ResponseHead head;
    const auto taken = H1HeadParser{limits}.parse_response(input, head);
    if (!taken) {
        EXPECT_EQ(taken.error().side, Side::origin);
        return std::string{name_of(taken.error().code)};
    }
    if (*taken == 0) return "more";
    EXPECT_EQ(*taken, input.size());
    return std::to_string(head.status) + " " + head.reason +
           (head.version == Version::http_1_0 ? " 1.0 " : " 1.1 ") + text_of(head.fields);
}

std::string request_with(std::string_view lines) {
    return request_of("GET / HTTP/1.1\r\n" + std::string{lines} + "\r\n");
}

std::string response_with(std::string_view lines) {
    return response_of("HTTP/1.1 200 OK\r\n" + std::string{lines} + "\r\n");
}

// A client that waits for an answer in its own protocol sends no more.
TEST(ParseRequest, TellsWhatElseTheClientSpeaks) {
    const std::pair<std::string, Failure> rows[] = {
        {"\x16\x03\x01\x02\x00", bad_head(HeadFault::tls)},
        {"\x16\x03", bad_head(HeadFault::tls)},
        {"\x16", bad_head(HeadFault::tls)},
        {"\x16\x04", {Errc::bad_head, Side::client}},
        {std::string{"\x04\x01\x00\x50", 4}, bad_head(HeadFault::socks)},
        {std::string{"\x05\x02\x00\x01", 4}, bad_head(HeadFault::socks)},
        {std::string{"\r\n\r\n\0\r\nQUIT\n\x21\x11", 14}, bad_head(HeadFault::proxy_protocol)},
        {"PROXY TCP4 192.0.2.1 192.0.2.2 50000 80\r\nGET / HTTP/1.1\r\n\r\n",
         bad_head(HeadFault::proxy_protocol)},
        {"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n\r\n", bad_head(HeadFault::proxy_protocol)},
        {"\x03", {Errc::bad_head, Side::client}},
        {"QUIT\r\n\r\n", {Errc::bad_head, Side::client}},
    };
    for (const auto& [input, failure] : rows) {
        SCOPED_TRACE(input);
        RequestHead head;
        const auto got = H1HeadParser{{}}.parse_request(input, head);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error(), failure) << describe(got.error());
    }
    EXPECT_EQ(request_of("PROXY / HTTP/1.1\r\n\r\n"), "PROXY / 1.1 ");
}

TEST(HeadFault, IsSaidInWords) {
    for (int fault = 1; fault <= static_cast<int>(HeadFault::several_hosts); ++fault) {
        EXPECT_FALSE(bad_head(static_cast<HeadFault>(fault)).cause.message().empty()) << fault;
    }
}

// RFC 9112 §3.
TEST(ParseRequest, ReadsTheRequestLine) {
    const std::pair<std::string, std::string> rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", "GET / 1.1 "},
        {"GET / HTTP/1.0\r\n\r\n", "GET / 1.0 "},
        {"GET /a?b=c&d=%20%zz;e#f HTTP/1.1\r\n\r\n", "GET /a?b=c&d=%20%zz;e#f 1.1 "},
        {"GET /\"<>\\^`{|}[] HTTP/1.1\r\n\r\n", "GET /\"<>\\^`{|}[] 1.1 "},
        // Methods are tokens, in their letter case (RFC 9110 §9.1).
        {"get / HTTP/1.1\r\n\r\n", "get / 1.1 "},
        {"X-!#$%&'*+.^_`|~9 / HTTP/1.1\r\n\r\n", "X-!#$%&'*+.^_`|~9 / 1.1 "},
        // All four forms of the target (§3.2).
        {"GET http://a.example/b HTTP/1.1\r\n\r\n", "GET http://a.example/b 1.1 "},
        {"CONNECT a.example:443 HTTP/1.1\r\n\r\n", "CONNECT a.example:443 1.1 "},
        {"OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS * 1.1 "},
        // One empty line before it (§2.2), not two, and no half one.
        {"\r\nGET / HTTP/1.1\r\n\r\n", "GET / 1.1 "},
        {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "bad_head"},
        {"\nGET / HTTP/1.1\r\n\r\n", "bad_head"},
        {"\rGET / HTTP/1.1\r\n\r\n", "bad_head"},
        {" GET / HTTP/1.1\r\n\r\n", "bad_head"},
        // White space that is not one SP.
        {"GET  / HTTP/1.1\r\n\r\n", "bad_head"},
        {"GET /  HTTP/1.1\r\n\r\n", "bad_head"},
        {"GET\t/ HTTP/1.1\r\n\r\n", "bad_head"},
        {"GET / HTTP/1.1 \r\n\r\n", "bad_head"},
        {"GET /a b HTTP/1.1\r\n\r\n", "bad_head"},
        // Bytes that no target has.
        {"GET /a\tb HTTP/1.1\r\n\r\n", "bad_head"},
        {"GET /a\x01 HTTP/1.1\r\n\r\n", "bad_head"},
        {std::string{"GET /a\0 HTTP/1.1\r\n\r\n", 20}, "bad_head"},
        {"GET /a\x7f HTTP/1.1\r\n\r\n", "bad_head"},
        // Parts that are missing.
        {"GET HTTP/1.1\r\n\r\n", "bad_head"},
        {"GET /\r\n\r\n", "bad_head"},
        {"/ HTTP/1.1\r\n\r\n", "bad_head"},
        {"G@T / HTTP/1.1\r\n\r\n", "bad_head"},
        {"G\xc4T / HTTP/1.1\r\n\r\n", "bad_head"},
        // Versions (RFC 9110 §2.5).
        {"GET / HTTP/0.9\r\n\r\n", "bad_version"},
        {"GET / HTTP/1.2\r\n\r\n", "bad_version"},
        {"GET / HTTP/2.0\r\n\r\n", "bad_version"},
        {"PRI * HTTP/2.0\r\n\r\n", "bad_version"},
        {"GET / HTTP/2\r\n\r\n", "bad_head"},
        {"GET / HTTP/1,1\r\n\r\n", "bad_head"},
        {"GET / HTTP/1\r\n\r\n", "bad_head"},
        {"GET / HTTP/11.1\r\n\r\n", "bad_head"},
        {"GET / HTTP/01.1\r\n\r\n", "bad_head"},
        {"GET / HTTP/1.10\r\n\r\n", "bad_head"},
        {"GET / http/1.1\r\n\r\n", "bad_head"},
        {"GET / HTTPS/1.1\r\n\r\n", "bad_head"},
    };
    for (const auto& [input, expected] : rows) EXPECT_EQ(request_of(input), expected) << input;
}

// RFC 9112 §5, RFC 9110 §5.
TEST(ParseRequest, ReadsTheFields) {
    const std::pair<std::string, std::string> rows[] = {
        {"Host: a\r\n", "Host=a|"},
        {"hOsT:a\r\n", "hOsT=a|"},
        {"A: 1\r\nB: 2\r\na: 3\r\n", "A=1|B=2|a=3|"},
        // White space around a value is not part of it, inside it is (RFC 9110 §5.5).
        {"A:\t  x \t y \t \r\n", "A=x \t y|"},
        {"A:\r\n", "A=|"},
        {"A: \t\r\n", "A=|"},
        {"A: b: c\r\n", "A=b: c|"},
        {"A: \x80\xff\r\n", "A=\x80\xff|"},
        {"A_b!#$%&'*+-.^`|~9: x\r\n", "A_b!#$%&'*+-.^`|~9=x|"},
        // No framing is judged here.
        {"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n",
         "Transfer-Encoding=gzip|Content-Length=5|"},
        {"Transfer-Encoding: identity\r\n", "Transfer-Encoding=identity|"},
        {"Content-Length: 5, 5\r\n", "Content-Length=5, 5|"},
        {"Host: a\r\nHost: b\r\n", "Host=a|Host=b|"},
        // Names (§5.1: no white space before the colon).
        {"A : x\r\n", "bad_head"},
        {"A\t: x\r\n", "bad_head"},
        {" A: x\r\n", "bad_head"},
        {": x\r\n", "bad_head"},
        {"A\r\n", "bad_head"},
        {"A b: x\r\n", "bad_head"},
        {"A(b): x\r\n", "bad_head"},
        {"\xc4: x\r\n", "bad_head"},
        {std::string{"A\0: x\r\n", 7}, "bad_head"},
        // Values.
        {std::string{"A: x\0y\r\n", 8}, "bad_head"},
        {"A: x\x01y\r\n", "bad_head"},
        {"A: x\x7fy\r\n", "bad_head"},
        {"A: x\x1b[0m\r\n", "bad_head"},
        // Line ends (§2.2).
        {"A: x\n", "bad_head"},
        {"A: x\nB: y\r\n", "bad_head"},
        {"A: x\rB: y\r\n", "bad_head"},
        {"A: x\r\r\n", "bad_head"},
        {"\rA: x\r\n", "bad_head"},
        // Connection is a list of tokens (RFC 9110 §7.6.1); Beast holds its sender to it.
        {"Connection: close ,, X-Foo\r\n", "Connection=close ,, X-Foo|"},
        {"Connection: a=b\r\n", "bad_head"},
        // obs-fold (§5.2).
        {"A: x\r\n y\r\n", "bad_head"},
        {"A: x\r\n\ty\r\n", "bad_head"},
        {"A: x\r\n \r\n", "bad_head"},
        {"A:\r\n x\r\n", "bad_head"},
        {"\tA: x\r\n", "bad_head"},
    };
    for (const auto& [lines, expected] : rows) {
        const bool refused = expected == "bad_head";
        EXPECT_EQ(request_with(lines), refused ? expected : "GET / 1.1 " + expected) << lines;
    }
}

// What Beast refuses of itself is our verdict on the framing.
TEST(ParseRequest, TellsBadFramingFromABadHead) {
    for (const std::string_view lines : {
             "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
             "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
             "Content-Length: 5\r\nContent-Length: 6\r\n",
             "Content-Length: 5, 6\r\n",
             "Content-Length: +5\r\n",
             "Content-Length: -5\r\n",
             "Content-Length: 0x5\r\n",
             "Content-Length: 5 5\r\n",
             "Content-Length:\r\n",
             "Content-Length: 18446744073709551616\r\n",
         }) {
        EXPECT_EQ(request_with(lines), "bad_framing") << lines;
    }
}

/// Each leniency of Beast, over parser and framing together: no request passes with one.
TEST(ParseRequest, AndItsFramingRefuseWhatBeastWouldAccept) {
    for (const std::string_view lines : {
             "Transfer-Encoding: identity\r\n",
             "Transfer-Encoding: xchunked\r\n",
             "Transfer-Encoding: chunked, identity\r\n",
             "Transfer-Encoding: chunked, chunked\r\n",
             "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n",
             "Transfer-Encoding: gzip, chunked\r\n",
             "Transfer-Encoding: chunked;q=1\r\n",
             "Content-Length: 5\r\nContent-Length: 5\r\n",
             "Content-Length: 5, 5\r\n",
         }) {
        const std::string input = "POST / HTTP/1.1\r\n" + std::string{lines} + "\r\n";
        RequestHead head;
        const auto taken = H1HeadParser{HeadLimits{}}.parse_request(input, head);
        ASSERT_TRUE(taken) << lines;
        const auto framing = request_framing(head);
        ASSERT_FALSE(framing) << lines;
        EXPECT_EQ(framing.error().code, Errc::bad_framing) << lines;
    }
    RequestHead head;
    const Bytes old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    ASSERT_TRUE(H1HeadParser{HeadLimits{}}.parse_request(old, head));
    EXPECT_FALSE(request_framing(head));
}

TEST(ParseRequest, AnswersAtOnceWhatCannotBecomeAHead) {
    EXPECT_EQ(request_of("\x16\x03\x01\x02"), "bad_head");  // a TLS ClientHello
    EXPECT_EQ(request_of(" "), "bad_head");
    EXPECT_EQ(request_of("GET / HTTP/1.1\n"), "bad_head");  // its sender is done
    EXPECT_EQ(request_of("GET / HTTP/1.1\r\nA: x\n"), "bad_head");
    EXPECT_EQ(request_of("GET / HTTP/1.1\r\nA: x\r\n "), "bad_head");
}

TEST(ParseRequest, TakesTheHeadAndNothingAfterIt) {
    const std::string first = "\r\nPOST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n";
    const std::string second = "GET /b HTTP/1.1\r\n\r\n";
    const std::string input = first + "hi" + second;
    H1HeadParser parser{HeadLimits{}};
    RequestHead head;
    EXPECT_EQ(taken_of(parser.parse_request(input, head)), first.size());
    EXPECT_EQ(head.target, "/a");
    parser.reset();
    EXPECT_EQ(taken_of(parser.parse_request(Bytes{input}.substr(first.size() + 2), head)),
              second.size());
    EXPECT_EQ(head.target, "/b");
    EXPECT_TRUE(head.fields.empty());
}

TEST(ParseRequest, KeepsTheMemoryOfTheHead) {
    const std::string input =
        "GET /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
    H1HeadParser parser{HeadLimits{}};
    RequestHead head;
    EXPECT_EQ(taken_of(parser.parse_request(input, head)), input.size());
    const char* const target = head.target.data();
    const char* const fields = head.fields[0].name.data();
    parser.reset();
    EXPECT_EQ(taken_of(parser.parse_request(input, head)), input.size());
    EXPECT_EQ(head.target.data(), target);
    EXPECT_EQ(head.fields[0].name.data(), fields);
}

TEST(ParseRequest, GivesTheSameAtEverySplit) {
    for (const std::string input : {
             "GET /some/target HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nX:\r\n\r\n",
             "\r\nGET / HTTP/1.0\r\n\r\n",
             "GET / HTTP/1.1\r\nA: x\r\n folded\r\n\r\n",
             "GET / HTTP/1.1\r\nA: x\nB: y\r\n\r\n",
         }) {
        const std::string whole = request_of(input);
        for (std::size_t first = 0; first <= input.size(); ++first) {
            for (std::size_t second = first; second <= input.size(); ++second) {
                H1HeadParser parser{HeadLimits{}};
                RequestHead head;
                std::string got;
                for (const std::size_t size : {first, second, input.size()}) {
                    const auto taken = parser.parse_request(Bytes{input}.substr(0, size), head);
                    if (!taken) {
                        got = name_of(taken.error().code);
                        break;
                    }
                    if (*taken == 0) continue;
                    EXPECT_EQ(*taken, input.size());
                    got = head.method + " " + head.target +
                          (head.version == Version::http_1_0 ? " 1.0 " : " 1.1 ") +
                          text_of(head.fields);
                    break;
                }
                ASSERT_EQ(got, whole) << first << " " << second << " " << input;
            }
        }
    }
}

TEST(ParseRequest, HoldsTheLimitsExactly) {
    HeadLimits limits;
    limits.start_line_bytes = 20;  // "GET /1234567 HTTP/1.1" is 21
    limits.head_bytes = 60;
    limits.fields = 3;
    EXPECT_EQ(request_of("GET /123456 HTTP/1.1\r\n\r\n", limits), "GET /123456 1.1 ");
    EXPECT_EQ(request_of("GET /1234567 HTTP/1.1\r\n\r\n", limits), "target_too_long");
    EXPECT_EQ(request_of(std::string(21, 'G'), limits), "more");
    EXPECT_EQ(request_of(std::string(22, 'G'), limits), "target_too_long");
    EXPECT_EQ(request_of("GET /123456 HTTP/1.1\r", limits), "more");
    EXPECT_EQ(request_of("GET /1234567 HTTP/1.1\r", limits), "target_too_long");

    const std::string line = "GET / HTTP/1.1\r\n";  // 16, and the last CRLF
    const std::string fits = line + "A:" + std::string(60 - 16 - 2 - 4, 'x') + "\r\n\r\n";
    ASSERT_EQ(fits.size(), 60U);
    EXPECT_EQ(request_of(fits, limits), "GET / 1.1 A=" + std::string(38, 'x') + "|");
    EXPECT_EQ(request_of(Bytes{fits}.substr(0, 59), limits), "more");
    const std::string beyond = line + "A:" + std::string(39, 'x') + "\r\n\r\n";
    EXPECT_EQ(request_of(beyond, limits), "head_too_large");
    EXPECT_EQ(request_of(Bytes{beyond}.substr(0, 60), limits), "head_too_large");

    EXPECT_EQ(request_of(line + "A:1\r\nB:2\r\nC:3\r\n\r\n", limits), "GET / 1.1 A=1|B=2|C=3|");
    EXPECT_EQ(request_of(line + "A:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n", limits), "head_too_large");
}

// RFC 9112 §4.
TEST(ParseResponse, ReadsTheStatusLine) {
    const std::pair<std::string, std::string> rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", "200 OK 1.1 "},
        {"HTTP/1.0 404 Not Found\r\n\r\n", "404 Not Found 1.0 "},
        {"HTTP/1.1 200 \r\n\r\n", "200  1.1 "},
        {"HTTP/1.1 200\r\n\r\n", "200  1.1 "},  // real servers leave the space out
        {"HTTP/1.1 200\r\nA: x\r\n\r\n", "200  1.1 A=x|"},
        {"HTTP/1.1 600 \xc3\xbc\tx\r\n\r\n", "600 \xc3\xbc\tx 1.1 "},
        {"HTTP/1.1 100 Continue\r\n\r\n", "100 Continue 1.1 "},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
         "204 No Content 1.1 Content-Length=5|"},
        {"HTTP/1.1 99 OK\r\n\r\n", "malformed"},
        {"HTTP/1.1 1000 OK\r\n\r\n", "malformed"},
        {"HTTP/1.1 20x OK\r\n\r\n", "malformed"},
        {"HTTP/1.1 -20 OK\r\n\r\n", "malformed"},
        {"HTTP/1.1  200 OK\r\n\r\n", "malformed"},
        {"HTTP/1.1\t200 OK\r\n\r\n", "malformed"},
        {"HTTP/1.1 200\tOK\r\n\r\n", "malformed"},
        {"HTTP/1.1 200OK\r\n\r\n", "malformed"},
        {"HTTP/1.1 200 O\rK\r\n\r\n", "malformed"},
        {"HTTP/1.1 200 O\x01K\r\n\r\n", "malformed"},
        {"HTTP/1.1 200\r\r\n\r\n", "malformed"},
        {"HTTP/1.2 200 OK\r\n\r\n", "malformed"},
        {"HTTP/2 200 OK\r\n\r\n", "malformed"},
        {"HTTP/2.0 200 OK\r\n\r\n", "malformed"},
        {"ICY 200 OK\r\n\r\n", "malformed"},
        {"http/1.1 200 OK\r\n\r\n", "malformed"},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", "malformed"},
        {"HTTP/1.1 200 OK\n\n", "malformed"},
        {"HTTP/1.1 000 x\r\n\r\n", "malformed"},
        {"HTTP/1.1 099 x\r\n\r\n", "malformed"},
    };
    for (const auto& [input, expected] : rows) EXPECT_EQ(response_of(input), expected) << input;
}

TEST(ParseResponse, ReadsTheFields) {
    const std::pair<std::string, std::string> rows[] = {
        {"Set-Cookie: a\r\nset-cookie: b\r\n", "Set-Cookie=a|set-cookie=b|"},
        // A fold becomes one space (RFC 9112 §5.2).
        {"A: x\r\n y\r\n\t z\r\nB: w\r\n", "A=x y z|B=w|"},
        {"A:\r\n x\r\n", "A=x|"},
        {"A: x\r\n \r\n", "A=x|"},
        {" A: x\r\n", "malformed"},
        // White space before a colon goes (§5.1), inside a name it does not.
        {"A : x\r\nB \t :y\r\n", "A=x|B=y|"},
        {"Content-Length : 5\r\n", "Content-Length=5|"},
        {"Content-Length : 5\r\nTransfer-Encoding : chunked\r\n", "malformed"},
        {"A B : x\r\n", "malformed"},
        {": x\r\n", "malformed"},
        {" : x\r\n", "malformed"},
        {"A: x\r\n : y\r\n", "A=x : y|"},
        {"A\r\n", "malformed"},
        // A Connection that is no list of tokens says that the connection ends (RFC 9110 §7.6.1).
        {"Connection: keep-alive, X-A\r\nA : x\r\n", "Connection=keep-alive, X-A|A=x|"},
        {"Connection: keep alive\r\nA: x\r\n", "Connection=close|A=x|"},
        {"connection: timeout=5\r\n", "connection=close|"},
        {"Connection: \"keep-alive\"\r\nConnection: x\r\n", "Connection=close|Connection=x|"},
        {"Connection: a b\r\n c\r\n", "malformed"},
        {"Connection: a b\x01\r\n", "malformed"},
        {"Connection: a b\rContent-Length: 5\r\n", "malformed"},
        {"A: x\rB: y\r\n", "malformed"},
        {"A: x\nB: y\r\n", "malformed"},
        {"A: x\x01\r\n", "malformed"},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "malformed"},
        {"Content-Length: 5\r\nContent-Length: 6\r\n", "malformed"},
    };
    for (const auto& [lines, expected] : rows) {
        const bool refused = expected == "malformed";
        EXPECT_EQ(response_with(lines), refused ? expected : "200 OK 1.1 " + expected) << lines;
    }
}

TEST(ParseResponse, GivesTheSameAtEverySplit) {
    for (const std::string input : {
             "HTTP/1.1 200 OK\r\nA: x\r\n y\r\nB: z\r\n\r\n",
             "HTTP/1.0 200\r\nA: x\r\n\r\n",
         }) {
        const std::string whole = response_of(input);
        for (std::size_t split = 0; split < input.size(); ++split) {
            H1HeadParser parser{HeadLimits{}};
            ResponseHead head;
            ASSERT_EQ(taken_of(parser.parse_response(Bytes{input}.substr(0, split), head)), 0U);
            ASSERT_EQ(taken_of(parser.parse_response(input, head)), input.size());
            EXPECT_EQ(std::to_string(head.status) + " " + head.reason +
                          (head.version == Version::http_1_0 ? " 1.0 " : " 1.1 ") +
                          text_of(head.fields),
                      whole);
        }
    }
}

TEST(ParseResponse, HoldsTheLimits) {
    HeadLimits limits;
    limits.start_line_bytes = 15;
    limits.head_bytes = 30;
    limits.fields = 2;
    const std::string line = "HTTP/1.1 200 OK\r\n";  // 17
    EXPECT_EQ(response_of(line + "\r\n", limits), "200 OK 1.1 ");
    EXPECT_EQ(response_of("HTTP/1.1 200 OKK\r\n\r\n", limits), "response_head_too_large");
    EXPECT_EQ(response_of(line + "A: 3456789\r\n\r\n", limits), "response_head_too_large");
    EXPECT_EQ(response_of(line + "A:1\r\nB:\r", limits), "more");
    EXPECT_EQ(response_of(line + "A: 345678\r\n\r\n", limits), "200 OK 1.1 A=345678|");
    limits.head_bytes = 100;
    EXPECT_EQ(response_of(line + "A:1\r\nB:2\r\n\r\n", limits), "200 OK 1.1 A=1|B=2|");
    EXPECT_EQ(response_of(line + "A:1\r\nB:2\r\nC:3\r\n\r\n", limits), "response_head_too_large");
}

}  // namespace
}  // namespace nikawa::http
