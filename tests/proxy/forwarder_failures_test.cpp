#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// What the client hears when there is no response of the origin.
class ForwarderFailuresTest : public ForwarderFixture {};

TEST_F(ForwarderFailuresTest, NamesWhatKeptItFromTheOrigin) {
    struct Row {
        Errc code;
        std::string_view status_line;
        std::string_view proxy_status;
    };
    const Row rows[] = {
        {Errc::resolve_failed, "HTTP/1.1 502 Bad Gateway\r\n", "dns_error"},
        {Errc::resolve_timed_out, "HTTP/1.1 504 Gateway Timeout\r\n", "dns_timeout"},
        {Errc::connect_failed, "HTTP/1.1 502 Bad Gateway\r\n", "destination_unavailable"},
        {Errc::connect_timed_out, "HTTP/1.1 504 Gateway Timeout\r\n", "connection_timeout"},
        {Errc::tls_failed, "HTTP/1.1 502 Bad Gateway\r\n", "tls_protocol_error"},
        {Errc::tls_certificate_rejected, "HTTP/1.1 502 Bad Gateway\r\n", "tls_certificate_error"},
        {Errc::tls_timed_out, "HTTP/1.1 504 Gateway Timeout\r\n", "connection_timeout"},
    };
    auto& client = connect();
    for (const Row& row : rows) {
        SCOPED_TRACE(name_of(row.code));
        dialer.fail({row.code, Side::origin});
        client.send(request("GET /")).expect(row.status_line).expect_head("Content-Type");
        ASSERT_TRUE(client.finished());
        EXPECT_THAT(std::string{client.last_head()},
                    HasSubstr("\r\nProxy-Status: nikawa; error=" + std::string{row.proxy_status} +
                              "; details="));
        const std::string body{client.received()};
        EXPECT_THAT(body, HasSubstr(" [https://api.example.com].\n"));
        client.expect(body);
        loop.advance(10s);  // else it is not tried again
    }
    EXPECT_EQ(dialer.dialled().size(), std::size(rows));
}

TEST_F(ForwarderFailuresTest, ServesTheConnectionOnAfterAnAnswerOfItsOwn) {
    dialer.fail({Errc::connect_failed, Side::origin});
    auto& client = connect();
    client.send(request("POST /1", "Content-Length: 3\r\n") + "one");
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
    client.expect(std::string{client.received()});

    dialer.connect_h1().expect_head("GET /2").send(response("200 OK", "two"));
    client.send(request("GET /2")).expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderFailuresTest, AnswersGatewayTimeoutWhenNoStreamBecomesFree) {
    auto& client = connect();
    client.send(request("GET /"));
    loop.advance(40s - 1ms);
    EXPECT_EQ(client.received(), "");
    loop.advance(1ms);
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 504 Gateway Timeout\r\n"),
                      HasSubstr("error=connection_limit_reached;")));
}

TEST_F(ForwarderFailuresTest, AnswersServiceUnavailableWhenTooManyWait) {
    pool_limits.max_waiters = 1;
    connect().send(request("GET /1"));
    auto& client = connect();
    client.send(request("GET /2"));
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"),
                      HasSubstr("\r\nRetry-After: 1\r\n"),
                      HasSubstr("error=connection_limit_reached;")));
}

TEST_F(ForwarderFailuresTest, SaysSinceWhenAndWhyAnOriginIsNotTriedAnyMore) {
    using boost::system::errc::connection_refused;
    const Failure refused{Errc::connect_failed, Side::origin, make_error_code(connection_refused)};
    for (int i = 0; i < 3; ++i) {
        dialer.fail(refused);
        auto& client = connect();
        client.send(request("GET /"));
        EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
    }
    loop.advance(100ms);
    auto& client = connect();
    client.send(request("GET /"));
    const std::string reason =
        "no connection to the origin can be made at present: for 0.1 s the connection to the "
        "origin failed (Connection refused); the next attempt is in 1 s";
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"),
                      HasSubstr("\r\nRetry-After: 1\r\n"),
                      HasSubstr("\r\nProxy-Status: nikawa; error=destination_unavailable; "
                                "details=\"" +
                                reason + "\"\r\n"),
                      HasSubstr("\r\n\r\n503 Service Unavailable: " + reason +
                                " [https://api.example.com].\n")));
    EXPECT_EQ(dialer.dialled().size(), 3U);
    EXPECT_THAT(log_lines().back(),
                AllOf(HasSubstr("\"status\":503,"),
                      HasSubstr("\"error\":\"origin_failing\",\"error_detail\":\"" + reason)));
}

TEST_F(ForwarderFailuresTest, AnswersServiceUnavailableWhenTooManyAreUnderWay) {
    pool_limits.max_exchanges = 1;
    pool_limits.max_waiters = 1;
    auto& origin = dialer.connect_h2();
    auto& first = connect();
    auto& second = connect();
    auto& third = connect();
    for (auto* client : {&first, &second, &third}) {
        client->send(request("GET /"));
        loop.run();
    }
    EXPECT_THAT(third.received(),
                AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"),
                      HasSubstr("\r\nRetry-After: 1\r\n"),
                      HasSubstr("error=connection_limit_reached;")));
    EXPECT_EQ(origin.requests().size(), 1U);
    origin.reply(1, "200", "one");
    first.expect_head("HTTP/1.1 200 OK").expect("one");
    EXPECT_TRUE(first.finished());
    loop.run();
    origin.reply(3, "200", "two");
    second.expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(second.finished());
}

TEST_F(ForwarderFailuresTest, AnswersGatewayTimeoutWhenTheOriginStaysSilent) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ");
    auto& client = connect();
    client.send(request("GET /"));
    loop.advance(60s - 1ms);
    EXPECT_EQ(client.received(), "");
    loop.advance(1ms);
    origin.expect_end();
    EXPECT_TRUE(origin.finished());
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 504 Gateway Timeout\r\n"),
                      HasSubstr("error=http_response_timeout;")));
}

TEST_F(ForwarderFailuresTest, GivesUpAStreamThatStaysSilentAndKeepsItsSession) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /1"));
    loop.advance(60s);
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 504 Gateway Timeout\r\n"));
    EXPECT_EQ(origin.requests().at(1).reset_with, 8);  // CANCEL
    client.expect(std::string{client.received()});

    client.send(request("GET /2")).expect_head("HTTP/1.1 200 OK").expect("two");
    loop.run();
    origin.reply(3, "200", "two");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderFailuresTest, AnswersBadGatewayToWhatIsNoResponse) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET ").send("SSH-2.0-OpenSSH\r\n\r\n").expect_end();
    auto& client = connect();
    client.send(request("GET /"));
    EXPECT_THAT(
        client.received(),
        AllOf(StartsWith("HTTP/1.1 502 Bad Gateway\r\n"), HasSubstr("error=http_protocol_error;")));
    EXPECT_TRUE(origin.finished());
}

TEST_F(ForwarderFailuresTest, DoesNotHoldTheStreamWhileTheClientReadsTheAnswer) {
    pool_limits.upkeep.max_sessions = 1;
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /1").send("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
    auto& slow = connect({.capacity = 16});
    slow.send(request("GET /1"));
    loop.run();

    auto& next = dialer.connect_h1();
    next.expect_head("GET /2").send(response("200 OK", "two"));
    auto& client = connect();
    client.send(request("GET /2")).expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderFailuresTest, AnswersAndLogsRequestsThatCannotBeRead) {
    client_limits.head.head_bytes = 1024;
    client_limits.head.start_line_bytes = 256;
    client_limits.body_bytes = 10;
    struct Row {
        std::string input;
        std::string_view status_line;
        std::string_view logged;
    };
    const Row rows[] = {
        {"GET / HTTP/1.1\r\nno field\r\n\r\n", "HTTP/1.1 400 ", "\"error\":\"bad_head\""},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "\"error\":\"bad_head\""},
        {request("PUT /", "Content-Length: 1, 2\r\n"),
         "HTTP/1.1 400 ",
         "\"error\":\"bad_framing\""},
        {request("PUT /", "Content-Length: 11\r\n"), "HTTP/1.1 413 ", "body_too_large"},
        {"GET /" + repeated("a", 300), "HTTP/1.1 414 ", "target_too_long"},
        {request("GET /", "A: " + repeated("a", 1024)), "HTTP/1.1 431 ", "head_too_large"},
    };
    std::vector<testing::Matcher<std::string>> logged;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.input);
        auto& client = connect();
        client.send(row.input);
        EXPECT_THAT(client.received(),
                    AllOf(StartsWith(row.status_line),
                          HasSubstr("\r\nProxy-Status: nikawa; error=http_request_error;"),
                          HasSubstr("\r\nConnection: close\r\n"),
                          HasSubstr("\r\nX-Chocon-Id: ")));
        logged.push_back(HasSubstr(std::string{row.logged}));
    }
    EXPECT_THAT(log_lines(), testing::ElementsAreArray(logged));
}

TEST_F(ForwarderFailuresTest, AnswersRequestTimeoutWhenAHeadIsNotCompleteInTime) {
    auto& client = connect();
    client.send("GET / HTTP/1.1\r\nHost");
    loop.advance(10s);
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
    EXPECT_THAT(log_lines(),
                ElementsAre(AllOf(HasSubstr("\"status\":408,"),
                                  HasSubstr("\"ptime\":10,"),
                                  HasSubstr("\"error\":\"head_timed_out\""))));
}

}  // namespace
}  // namespace nikawa::proxy
