#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// How the end of a response shows, what goes before it, and what comes after.
class ForwarderBodiesTest : public ForwarderFixture {};

TEST_F(ForwarderBodiesTest, KeepsAChunkedBodyChunked) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n");
    auto& client = connect();
    client.send(request("GET /"))
        .expect("HTTP/1.1 200 OK\r\n")
        .expect(marks)
        .expect("Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, PassesEachPieceOnAsItComes) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    auto& client = connect();
    client.send(request("GET /")).expect_head("HTTP/1.1 200 OK").expect("3\r\none\r\n");
    EXPECT_TRUE(client.finished());
    origin.send("3\r\ntwo\r\n0\r\n\r\n");
    client.expect("3\r\ntwo\r\n0\r\n\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, SendsTheHeadBeforeABodyThatIsLate) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    auto& client = connect();
    client.send(request("GET /")).expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
    origin.send("one");
    client.expect("one");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, ChunksForTheClientWhatAnHttp2OriginDoesNotMeasure) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    loop.run();
    origin.send_head(1, {{":status", "200"}}, false);
    origin.send_body(1, "one", true);
    client.expect_head("HTTP/1.1 200 OK").expect("3\r\none\r\n0\r\n\r\n");
    EXPECT_TRUE(client.finished());
    EXPECT_FALSE(client.stream().is_closed());
}

TEST_F(ForwarderBodiesTest, EndsAnUnmeasuredBodyForAnOldClientWithTheConnection) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send("GET / HTTP/1.0\r\nHost: api.example.com.ccnproxy-https\r\n\r\n");
    loop.run();
    origin.send_head(1, {{":status", "200"}}, false);
    origin.send_body(1, "one", true);
    client.expect("HTTP/1.1 200 OK\r\n").expect(marks_of_h2).expect("\r\none").expect_end();
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, TakesTheCloseOfAnHttp1OriginAsTheEnd) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").send("HTTP/1.1 200 OK\r\n\r\none").close();
    auto& client = connect();
    client.send(request("GET /")).expect_head("HTTP/1.1 200 OK").expect("3\r\none\r\n0\r\n\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, PassesLargeBodiesUnchanged) {
    const auto body = repeated("0123456789", 50000);
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /1").send(response("200 OK", body));
    auto& client = connect();
    client.send(request("GET /1")).expect_head("HTTP/1.1 200 OK").expect(body);
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, PassesLargeBodiesOfHttp2Unchanged) {
    const auto body = repeated("0123456789", 50000);
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    loop.run();
    origin.reply(1, "200", body);
    client.expect_head("HTTP/1.1 200 OK").expect(body);
    EXPECT_TRUE(client.finished());
}

// Go's servers end a long body by an empty frame of its own: to reset the stream when all of the
// announced bytes are there would look like an attack to some.
TEST_F(ForwarderBodiesTest, LetsAnHttp2OriginEndItsMessageAfterTheLastByte) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    loop.run();
    origin.send_head(1, {{":status", "200"}, {"content-length", "3"}}, false);
    origin.send_body(1, "one", false);
    client.expect_head("HTTP/1.1 200 OK").expect("one");
    EXPECT_TRUE(client.finished());
    origin.send_body(1, "", true);
    loop.run();
    EXPECT_EQ(origin.requests().at(1).reset_with, -1);
}

TEST_F(ForwarderBodiesTest, AnswersAHeadRequestWithTheLengthAndNoBody) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("HEAD /1").send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    origin.expect_head("GET /2").send(response("200 OK", "two"));
    auto& client = connect();
    client.send(request("HEAD /1") + request("GET /2"))
        .expect_head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n")
        .expect_head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n")
        .expect("two");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(ForwarderBodiesTest, PassesResponsesThatHaveNoBody) {
    for (const std::string status : {"204 No Content", "304 Not Modified"}) {
        auto& origin = dialer.connect_h1();
        origin.expect_head("GET /1").send("HTTP/1.1 " + status + "\r\nETag: x\r\n\r\n");
        origin.expect_head("GET /2").send(response("200 OK", "two")).close();
        auto& client = connect();
        client.send(request("GET /1") + request("GET /2"))
            .expect_head("HTTP/1.1 " + status + "\r\nETag: x\r\n")
            .expect_head("HTTP/1.1 200 OK")
            .expect("two");
        EXPECT_TRUE(client.finished());
    }
}

TEST_F(ForwarderBodiesTest, PassesResponsesOfHttp2ThatHaveNoBody) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("HEAD /") + request("GET /"));
    loop.run();
    origin.send_head(1, {{":status", "200"}, {"content-length", "3"}}, true);
    loop.run();
    origin.send_head(3, {{":status", "304"}, {"content-length", "3"}}, true);
    client.expect_head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n")
        .expect_head("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(client.received(), "");
}

TEST_F(ForwarderBodiesTest, PassesTrailersToTheClient) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nSum: 6\r\n\r\n");
    auto& client = connect();
    client.send(request("GET /"))
        .expect_head("HTTP/1.1 200 OK")
        .expect("3\r\none\r\n0\r\nSum: 6\r\n\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, PassesTrailersOfHttp2ToTheClient) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    loop.run();
    origin.send_head(1, {{":status", "200"}}, false);
    origin.send_body(1, "one", true, {{"sum", "6"}});
    client.expect_head("HTTP/1.1 200 OK").expect("3\r\none\r\n0\r\nSum: 6\r\n\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, PassesEarlyHintsAndKeepsContinueToItself) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ")
        .send("HTTP/1.1 100 Continue\r\n\r\n")
        .send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n")
        .stay_silent();
    auto& client = connect();
    client.send(request("GET /"))
        .expect("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n")
        .expect(marks)
        .expect("\r\n");
    EXPECT_TRUE(client.finished());
    origin.send(response("200 OK", "one"));
    client.expect_head("HTTP/1.1 200 OK").expect("one");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, PassesEarlyHintsOfHttp2) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    loop.run();
    origin.send_head(1, {{":status", "103"}, {"link", "</a>"}}, false);
    client.expect_head("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n");
    EXPECT_TRUE(client.finished());
    origin.reply(1, "200", "one");
    client.expect_head("HTTP/1.1 200 OK").expect("one");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, SendsNoInterimResponsesToAnOldClient) {  // RFC 9110 §15.2
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ")
        .send("HTTP/1.1 103 Early Hints\r\n\r\n")
        .send(response("200 OK", ""));
    auto& client = connect();
    client.send("GET / HTTP/1.0\r\nHost: api.example.com.ccnproxy-https\r\n\r\n")
        .expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
}

// What breaks off.

TEST_F(ForwarderBodiesTest, BreaksAChunkedBodyOffWithoutALastChunk) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ")
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        .close();
    auto& client = connect();
    client.send(request("GET /")).expect_head("HTTP/1.1 200 OK").expect("3\r\none\r\n");
    client.expect_end();
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(log_lines(),
                testing::ElementsAre(AllOf(HasSubstr("\"status\":200,\"size\":3,"),
                                           HasSubstr("\"error\":\"peer_closed\""))));
}

TEST_F(ForwarderBodiesTest, BreaksASizedBodyOffBeforeItsEnd) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none").close();
    auto& client = connect();
    client.send(request("GET /")).expect_head("HTTP/1.1 200 OK").expect("one").expect_end();
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, ResetsAnOldClientsConnectionWhenABodyBreaksOff) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    auto& client = connect();
    client.send("GET / HTTP/1.0\r\nHost: api.example.com.ccnproxy-https\r\n\r\n")
        .expect_head("HTTP/1.1 200 OK")
        .expect("one");
    EXPECT_TRUE(client.finished());
    origin.close();
    client.expect_reset();
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderBodiesTest, BreaksOffWhenAnHttp2OriginResetsTheStream) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    loop.run();
    origin.send_head(1, {{":status", "200"}}, false);
    origin.send_body(1, "one", false);
    client.expect_head("HTTP/1.1 200 OK").expect("3\r\none\r\n");
    EXPECT_TRUE(client.finished());
    origin.reset(1, 2);  // INTERNAL_ERROR
    client.expect_end();
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(log_lines(), testing::ElementsAre(HasSubstr("\"error\":\"stream_reset\"")));
}

TEST_F(ForwarderBodiesTest, BreaksOffWhenTheOriginStopsSending) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none");
    auto& client = connect();
    client.send(request("GET /")).expect_head("HTTP/1.1 200 OK").expect("one");
    loop.advance(30s - 1ms);
    EXPECT_FALSE(origin.stream().is_closed());
    EXPECT_EQ(client.received(), "");
    loop.advance(1ms);
    client.expect_end();
    origin.expect_end();
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(origin.finished());
    EXPECT_THAT(log_lines(),
                testing::ElementsAre(HasSubstr("\"error\":\"response_body_timed_out\"")));
}

}  // namespace
}  // namespace nikawa::proxy
