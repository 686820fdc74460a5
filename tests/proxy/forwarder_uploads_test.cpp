#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view chunked = "Transfer-Encoding: chunked\r\n";

std::string sized(std::size_t bytes) { return "Content-Length: " + std::to_string(bytes) + "\r\n"; }

// Request bodies on their way to the origin.
class ForwarderUploadsTest : public ForwarderFixture {};

TEST_F(ForwarderUploadsTest, SendsASmallBodyWithItsHead) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("POST /", sized(3)) + "one");
    origin.expect("POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\n")
        .expect(marks)
        .expect("\r\none")
        .send(response("200 OK", "two"));
    client.expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderUploadsTest, AsksForAStreamOnlyWhenASmallBodyIsThere) {
    auto& client = connect();
    client.send(request("POST /", sized(6)) + "one");
    loop.run();
    EXPECT_TRUE(dialer.dialled().empty());
    client.send("two");
    loop.run();
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(ForwarderUploadsTest, KeepsAChunkedBodyChunkedAndPassesItAsItComes) {
    auto& origin = dialer.connect_h1();
    origin.expect("PUT / HTTP/1.1\r\nHost: api.example.com\r\n")
        .expect(marks)
        .expect("Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    auto& client = connect();
    client.send(request("PUT /", chunked) + "3\r\none\r\n");
    EXPECT_TRUE(origin.finished());
    client.send("3\r\ntwo\r\n0\r\nSum: 6\r\n\r\n");
    origin.expect("3\r\ntwo\r\n0\r\nSum: 6\r\n\r\n").send(response("200 OK", ""));
    client.expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderUploadsTest, StreamsALargeSizedBody) {
    const auto body = repeated("0123456789", 50000);
    auto& origin = dialer.connect_h1();
    origin.expect_head("PUT /").expect(body).send(response("200 OK", ""));
    auto& client = connect();
    client.send(request("PUT /", sized(body.size())) + body).expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(std::string{origin.last_head()}, HasSubstr("Content-Length: 500000\r\n"));
}

TEST_F(ForwarderUploadsTest, StreamsALargeBodyOverHttp2) {
    const auto body = repeated("0123456789", 50000);
    auto& origin = dialer.connect_h2({.window = 1024 * 1024});
    auto& client = connect();
    client.send(request("PUT /", chunked) + "7a120\r\n" + body + "\r\n0\r\nsum: 6\r\n\r\n");
    loop.run();
    EXPECT_EQ(origin.requests().at(1).body, body);
    EXPECT_TRUE(origin.requests().at(1).ended);
    EXPECT_EQ(origin.requests().at(1).trailers, (test::Fields{{"sum", "6"}}));
    origin.reply(1, "200", "");
    client.expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderUploadsTest, AnswersExpectItselfAndDoesNotSendItOn) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("PUT /", "Expect: 100-continue\r\n" + sized(3)))
        .expect("HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_TRUE(client.finished());

    client.send("one").expect_head("HTTP/1.1 200 OK");
    origin.expect("PUT / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\n")
        .expect(marks)
        .expect("\r\none")
        .send("HTTP/1.1 100 Continue\r\n\r\n")
        .send(response("200 OK", ""));
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderUploadsTest, AnswersExpectBeforeThereIsAnOrigin) {
    auto& client = connect();
    client.send(request("PUT /", "Expect: 100-continue\r\n" + sized(1'000'000)))
        .expect("HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.fail_waiting();
    client.expect_head("HTTP/1.1 502");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderUploadsTest, HoldsLittleOfTheBodyWhenTheOriginIsSlow) {
    const auto body = repeated("0123456789abcdef", 32 * 1024);
    dialer.wire.capacity = 1024;
    auto& origin = dialer.connect_h1();
    origin.expect_head("PUT /");
    auto& client = connect({.capacity = body.size() / 2});
    client.send(request("PUT /", sized(body.size())) + body);
    ASSERT_TRUE(origin.finished());
    EXPECT_FALSE(client.finished());  // so half of it is not with us

    origin.expect(body).send(response("200 OK", ""));
    client.expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderUploadsTest, PassesAnEarlyResponseOnAndEndsTheUpload) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("PUT /").send(response("403 Forbidden", "no")).expect_end();
    auto& client = connect();
    client.send(request("PUT /", sized(1024 * 1024)))
        .expect_head("HTTP/1.1 403 Forbidden")
        .expect("no")
        .expect_end();  // the rest of the body is not worth reading
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(origin.finished());
}

TEST_F(ForwarderUploadsTest, PassesAnEarlyResponseOfHttp2OnAndEndsTheUpload) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("PUT /", sized(1024 * 1024)));
    loop.run();
    origin.reply(1, "403", "no");
    client.expect_head("HTTP/1.1 403 Forbidden").expect("no").expect_end();
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(origin.requests().at(1).reset_with, 8);  // CANCEL
}

// The sender waits for the origin's window and not for the client when the response ends.
TEST_F(ForwarderUploadsTest, PassesAnEarlyResponseOnWhileTheOriginTakesNothing) {
    auto& origin = dialer.connect_h2({.window = 0});
    auto& client = connect();
    client.send(request("PUT /", sized(1024 * 1024)) + repeated("x", 32 * 1024));
    loop.run();
    origin.reply(1, "403", "no");
    client.expect_head("HTTP/1.1 403 Forbidden").expect("no").expect_end();
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderUploadsTest, PassesAnEarlyResponseOnWhileAConnectionTakesNothing) {
    dialer.wire.capacity = 16 * 1024;
    auto& origin = dialer.connect_h1();
    origin.expect_head("PUT /");
    auto& client = connect();
    client.send(request("PUT /", sized(1024 * 1024)));
    EXPECT_TRUE(origin.finished());
    client.send(repeated("x", 60 * 1024));
    loop.run();
    origin.send(response("403 Forbidden", "no"));
    client.expect_head("HTTP/1.1 403 Forbidden").expect("no").expect_end();
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderUploadsTest, RefusesABodyThatIsNoneOfItsFraming) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("PUT /").expect("3\r\none\r\n").expect_end();
    auto& client = connect();
    client.send(request("PUT /", chunked) + "3\r\none\r\n");
    loop.run();
    client.send("xyz\r\n");
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    EXPECT_TRUE(origin.finished());
}

TEST_F(ForwarderUploadsTest, RefusesABodyThatGrowsTooLargeOnTheWay) {
    client_limits.body_bytes = 5;
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("PUT /", chunked) + "3\r\none\r\n");
    loop.run();
    EXPECT_EQ(origin.requests().at(1).body, "one");
    client.send("3\r\ntwo\r\n");
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 413 Content Too Large\r\n"));
    EXPECT_EQ(origin.requests().at(1).reset_with, 8);
}

TEST_F(ForwarderUploadsTest, AnswersRequestTimeoutWhenTheBodyStopsComing) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("PUT /", chunked) + "3\r\none\r\n");
    loop.advance(50s - 1ms);
    EXPECT_EQ(client.received(), "");
    loop.advance(1ms);
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
    EXPECT_EQ(origin.requests().at(1).reset_with, 8);
}

// Not --read-timeout nor --proxy-read-timeout ends what moves, be it one way.
TEST_F(ForwarderUploadsTest, LastsBesideItsResponseForAsLongAsEitherMoves) {
    client_limits.read_timeout = 10s;
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("PUT /", chunked) + "3\r\none\r\n");
    origin.expect_head("PUT /").expect("3\r\none\r\n");
    EXPECT_TRUE(origin.finished());
    origin.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.expect_head("HTTP/1.1 200 OK");
    for (int i = 0; i < 5; ++i) {
        loop.advance(29s);
        origin.send("5\r\nevent\r\n");
        client.expect("5\r\nevent\r\n");
        EXPECT_TRUE(client.finished());
    }
    for (int i = 0; i < 5; ++i) {
        loop.advance(29s);
        client.send("3\r\ntwo\r\n");
        origin.expect("3\r\ntwo\r\n");
        EXPECT_TRUE(origin.finished());
    }
    client.expect_end();
    loop.advance(30s - 1ms);
    EXPECT_FALSE(client.finished());
    loop.advance(1ms);
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(
        log_lines(),
        testing::ElementsAre(testing::AllOf(HasSubstr(R"("status":200)"),
                                            HasSubstr(R"("error":"response_body_timed_out")"))));
}

}  // namespace
}  // namespace nikawa::proxy
