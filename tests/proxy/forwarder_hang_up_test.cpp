#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t cancel = 8;  // RFC 9113 §7

// A client that hangs up is owed nothing, and neither is what it asked for.
class ForwarderHangUpTest : public ForwarderFixture {
protected:
    void expect_logged(std::string_view more) {
        EXPECT_THAT(log_lines(),
                    ElementsAre(AllOf(HasSubstr("\"status\":499,"),
                                      HasSubstr("\"error\":\"client_gone\""),
                                      HasSubstr(std::string{more}))));
    }
};

TEST_F(ForwarderHangUpTest, LeavesThePoolsQueue) {
    auto& client = connect();
    client.send(request("GET /"));
    hang_up(client);
    auto& origin = dialer.connect_h1();  // the dial goes on, for whoever comes next
    EXPECT_EQ(origin.received(), "");

    auto& next = connect();
    origin.expect_head("GET /next").send(response("200 OK", "ok"));
    next.send(request("GET /next")).expect_head("HTTP/1.1 200 OK").expect("ok");
    EXPECT_TRUE(next.finished());
    EXPECT_EQ(dialer.dialled().size(), 1U);
    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_THAT(lines[0],
                AllOf(HasSubstr("\"status\":499,"),
                      HasSubstr("\"attempts\":0,"),
                      HasSubstr("\"error\":\"client_gone\"")));
}

TEST_F(ForwarderHangUpTest, ClosesTheConnectionThatWaitsForAHead) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").expect_end();
    auto& client = connect();
    client.send(request("GET /"));
    hang_up(client);
    EXPECT_TRUE(origin.finished());
    expect_logged("\"attempts\":1,");
}

TEST_F(ForwarderHangUpTest, CancelsTheStreamThatWaitsForAHead) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    hang_up(client);
    EXPECT_EQ(origin.requests().at(1).reset_with, cancel);
    EXPECT_FALSE(origin.is_ended());
    expect_logged("\"attempts\":1,");
}

TEST_F(ForwarderHangUpTest, ClosesTheConnectionInTheMiddleOfABody) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ")
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        .expect_end();
    auto& client = connect();
    client.send(request("GET /")).expect_head("HTTP/1.1 200 OK").expect("3\r\none\r\n");
    ASSERT_TRUE(client.finished());
    hang_up(client);
    loop.advance(1s);
    EXPECT_TRUE(origin.finished());
    expect_logged("\"size\":3,");
}

TEST_F(ForwarderHangUpTest, KeepsTheConnectionWhenLittleOfTheBodyIsLeft) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /1").send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none");
    auto& client = connect();
    client.send(request("GET /1")).expect_head("HTTP/1.1 200 OK").expect("one");
    ASSERT_TRUE(client.finished());
    hang_up(client);
    origin.send("two").expect_head("GET /2").send("HTTP/1.1 204 No Content\r\n\r\n");
    loop.run();
    auto& next = connect();
    next.send(request("GET /2")).expect_head("HTTP/1.1 204 No Content");
    EXPECT_TRUE(next.finished());
    EXPECT_TRUE(origin.finished());
}

TEST_F(ForwarderHangUpTest, CancelsTheStreamInTheMiddleOfABody) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    loop.run();
    origin.send_head(1, {{":status", "200"}}, false);
    origin.send_body(1, "one", false);
    client.expect_head("HTTP/1.1 200 OK").expect("3\r\none\r\n");
    ASSERT_TRUE(client.finished());
    hang_up(client);
    loop.advance(1s);
    EXPECT_EQ(origin.requests().at(1).reset_with, cancel);
    expect_logged("\"size\":3,");
}

TEST_F(ForwarderHangUpTest, CancelsTheStreamOfAClientThatReadNothing) {
    auto& origin = dialer.connect_h2();
    auto& client = connect({.capacity = 1024});
    client.send(request("GET /"));
    loop.run();
    origin.send_head(1, {{":status", "200"}}, false);
    origin.send_body(1, repeated("x", 100000), false);
    hang_up(client);
    EXPECT_EQ(origin.requests().at(1).reset_with, cancel);
    expect_logged("\"reused\":false,");
}

TEST_F(ForwarderHangUpTest, CancelsTheStreamOfAClientThatDoesNotRead) {
    auto& origin = dialer.connect_h2();
    auto& client = connect({.capacity = 1024});
    client.send(request("GET /"));
    loop.run();
    origin.send_head(1, {{":status", "200"}}, false);
    origin.send_body(1, repeated("x", 100000), false);
    loop.advance(20s);  // its write timeout
    EXPECT_EQ(origin.requests().at(1).reset_with, cancel);
    EXPECT_THAT(log_lines(),
                ElementsAre(AllOf(HasSubstr("\"status\":499,"),
                                  HasSubstr("\"error\":\"write_timed_out\""))));
}

TEST_F(ForwarderHangUpTest, CutsAnUploadOffAtTheOrigin) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("PUT ").expect("3\r\none\r\n").expect_end();
    auto& client = connect();
    client.send(request("PUT /", "Transfer-Encoding: chunked\r\n") + "3\r\none\r\n");
    hang_up(client);
    EXPECT_TRUE(origin.finished());
    expect_logged("\"request_size\":3,");
}

TEST_F(ForwarderHangUpTest, CancelsTheStreamOfAnUpload) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("PUT /", "Transfer-Encoding: chunked\r\n") + "3\r\none\r\n");
    hang_up(client);
    EXPECT_EQ(origin.requests().at(1).body, "one");
    EXPECT_FALSE(origin.requests().at(1).ended);
    EXPECT_EQ(origin.requests().at(1).reset_with, cancel);
    expect_logged("\"request_size\":3,");
}

TEST_F(ForwarderHangUpTest, CancelsAnUploadThatTheOriginDoesNotTake) {
    auto& origin = dialer.connect_h2({.window = 0});
    auto& client = connect();
    client.send(request("PUT /", "Transfer-Encoding: chunked\r\n") + "3\r\none\r\n");
    hang_up(client);
    EXPECT_EQ(origin.requests().at(1).reset_with, cancel);
    expect_logged("\"request_size\":3,");
}

// Two directions wait for two parties, and only one of them has failed.
TEST_F(ForwarderHangUpTest, CancelsAnUploadWhoseClientDoesNotReadTheResponse) {
    pool_limits.timeouts.write = {};
    auto& origin = dialer.connect_h2({.window = 0});
    auto& client = connect({.capacity = 1024});
    client.send(request("PUT /", "Transfer-Encoding: chunked\r\n") + "3\r\none\r\n");
    loop.run();
    origin.send_head(1, {{":status", "200"}}, false);
    origin.send_body(1, repeated("x", 100000), false);
    loop.advance(20s);
    EXPECT_EQ(origin.requests().at(1).reset_with, cancel);
    EXPECT_THAT(log_lines(), ElementsAre(HasSubstr("\"error\":\"write_timed_out\"")));
}

TEST_F(ForwarderHangUpTest, LogsAClientThatHangsUpBeforeItsSmallBodyIsThere) {
    auto& client = connect();
    client.send(request("PUT /", "Content-Length: 6\r\n") + "one");
    hang_up(client);
    EXPECT_TRUE(dialer.dialled().empty());
    expect_logged("\"request_size\":3,");
}

}  // namespace
}  // namespace nikawa::proxy
