// Which requests are taken, in which order, and when the connection stays.

#include <string>

#include "client/client_fixture.hpp"

namespace nikawa::client {
namespace {

using Requests = std::vector<std::string>;

class ClientRequests : public ClientFixture {};

TEST_F(ClientRequests, AnswersOneRequestAfterTheOtherOnOneConnection) {
    connect()
        .send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect(ok_response)
        .send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect(ok_response);
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(handler.requests, (Requests{"GET /a", "GET /b"}));
    EXPECT_FALSE(has_ended());
}

TEST_F(ClientRequests, CostsOneReadAndOneWriteForARequest) {
    connect().send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").expect(ok_response);
    loop.run();
    const auto reads = our_end->reads();
    const auto writes = our_end->writes();
    client->send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n").expect(ok_response);
    loop.run();
    EXPECT_EQ(our_end->reads() - reads, 1U);
    EXPECT_EQ(our_end->writes() - writes, 1U);
}

TEST_F(ClientRequests, AnswersPipelinedRequestsInOrder) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await read_body(self, exchange);
        co_await send_response(self, exchange, 200, exchange.head().target + self.body);
    };
    connect()
        .send(
            "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
            "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
            "GET /3 HTTP/1.1\r\nHost: x\r\n\r\nGET /4 HT")
        .expect(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/1"
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n/2abc"
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/3")
        .send("TP/1.1\r\nHost: x\r\n\r\n")
        .expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/4");
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientRequests, ReadsARequestThatComesByteByByte) {
    connect();
    our_end->limit_read(1);
    client->send("\r\nPOST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        .expect(ok_response);
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(handler.body, "abc");
}

TEST_F(ClientRequests, ReadsAHeadThatIsLargerThanItsFirstBuffer) {
    const std::string large(30'000, 'a');
    connect()
        .send("GET /a HTTP/1.1\r\nHost: x\r\nLarge: " + large + "\r\n\r\n")
        .expect(ok_response);
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientRequests, StaysAsTheVersionAndTheConnectionFieldSay) {  // RFC 9112 §9.3
    struct Row {
        std::string_view version;
        std::string_view connection;
        std::string_view answer;  // of Connection in the response
        bool stays;
    };
    const Row rows[] = {
        {"1.1", "", "", true},
        {"1.1", "Connection: keep-alive\r\n", "", true},
        {"1.1", "Connection: x, CLOSE\r\n", "Connection: close\r\n", false},
        {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", "Connection: close\r\n", false},
        {"1.0", "", "", false},
        {"1.0", "Connection: Keep-Alive\r\n", "Connection: keep-alive\r\n", true},
        {"1.0", "Connection: keep-alive, close\r\n", "", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string{row.version} + ' ' + std::string{row.connection});
        connect()
            .send("GET / HTTP/" + std::string{row.version} + "\r\nHost: x\r\n" +
                  std::string{row.connection} + "\r\n")
            .expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + std::string{row.answer} +
                    "\r\nok");
        EXPECT_TRUE(client->finished());
        EXPECT_EQ(has_ended(), !row.stays);
    }
}

TEST_F(ClientRequests, RefusesWhatIsNoRequest) {
    struct Row {
        std::string_view request;
        Errc code;
        std::string_view status;
        std::string_view cause = {};
    };
    const std::string long_target = "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n";
    const std::string large_head =
        "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(70'000, 'a') + "\r\n\r\n";
    const Row rows[] = {
        {"GET /\r\n\r\n", Errc::bad_head, "400"},
        {"GET / HTTP/1.1\r\n\r\n", Errc::bad_head, "400", "it has no Host"},  // RFC 9112 §3.2
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
         Errc::bad_head,
         "400",
         "it has more than one Host"},
        {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
         Errc::bad_head,
         "400",
         "it has more than one Host"},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
         Errc::bad_framing,
         "400"},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", Errc::bad_version, "505"},
        {"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue, x=y\r\n\r\n",
         Errc::bad_expectation,
         "417"},  // RFC 9110 §10.1.1
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", Errc::body_too_large, "413"},
        {long_target, Errc::target_too_long, "414"},
        {large_head, Errc::head_too_large, "431"},
    };
    limits.body_bytes = 100;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.request.substr(0, 100));
        handler.refused.clear();
        connect()
            .send(row.request)
            .expect_head("HTTP/1.1 " + std::string{row.status})
            .expect_end()
            .close();
        EXPECT_TRUE(client->finished());
        ASSERT_EQ(handler.refused.size(), 1U);
        const Failure& refused = handler.refused[0];
        EXPECT_EQ(refused.code, row.code);
        EXPECT_EQ(refused.side, Side::client);
        EXPECT_EQ(refused.cause ? refused.cause.message() : "", row.cause);
    }
    EXPECT_TRUE(handler.requests.empty());
}

TEST_F(ClientRequests, TakesAnHttp10RequestWithoutHost) {
    connect().send("GET / HTTP/1.0\r\n\r\n").expect(ok_response).expect_end();
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientRequests, SaysNothingToAClientThatLeavesBeforeARequest) {
    for (const std::string_view sent : {"", "\r\n", "GET / HT"}) {
        SCOPED_TRACE(sent);
        connect().send(sent).end().expect_end();
        EXPECT_TRUE(client->finished());
    }
    EXPECT_TRUE(handler.refused.empty());
}

TEST_F(ClientRequests, KnowsTheClientsAddressWithoutItsPort) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        return send_response(self, exchange, 200, exchange.client_address());
    };
    struct Row {
        std::string peer;
        std::string_view address;
    };
    const Row rows[] = {
        {"192.0.2.7:50000", "192.0.2.7"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"", ""},
    };
    for (const Row& row : rows) {
        connect({.near_address = row.peer})
            .send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .expect_head("HTTP/1.1 200")
            .expect(row.address);
        EXPECT_TRUE(client->finished());
    }
}

}  // namespace
}  // namespace nikawa::client
