// Responses: what they look like to which client, and in how many writes.

#include <string>

#include "client/client_fixture.hpp"

namespace nikawa::client {
namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view chunked_response =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\none\r\n3\r\ntwo\r\n0\r\nSum: 6\r\n\r\n";

class ClientResponses : public ClientFixture {};

TEST_F(ClientResponses, ArriveWholeHoweverLittleTheSocketTakes) {
    handler.answer = answer_in_chunks;
    for (std::size_t bytes = 1; bytes < chunked_response.size(); ++bytes) {
        SCOPED_TRACE(bytes);
        connect();
        our_end->limit_write(bytes);
        client->stream().set_capacity(1000);
        client->send(get).expect(chunked_response).send(get).expect(chunked_response);
        EXPECT_TRUE(client->finished());
        connect({.capacity = bytes}).send(get).expect(chunked_response);
        EXPECT_TRUE(client->finished());
        EXPECT_FALSE(handler.send_failure);
        EXPECT_EQ(handler.response_bytes, 6U);
    }
}

TEST_F(ClientResponses, LeaveInOneWriteForEachCall) {
    handler.answer = answer_in_chunks;
    connect().send(get).expect(chunked_response);
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(our_end->writes(), 2U);
}

TEST_F(ClientResponses, LeaveTheirHeadAtOnceWhenFlushed) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = 200;
        EXPECT_FALSE(exchange.has_response_begun());
        exchange.begin_response(head, http::Chunked{});
        EXPECT_TRUE(exchange.has_response_begun());
        co_await exchange.flush();
        co_await exchange.send_body("");  // no last chunk by accident
        co_await self.go_on->wait();
        co_await exchange.finish_response("", {});
    };
    connect().send(get).expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(client->received(), "");
    handler.go_on->notify();
    client->expect("0\r\n\r\n");
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientResponses, LastUntilTheCloseForAnHttp10ClientWhenTheyWereChunked) {
    handler.answer = answer_in_chunks;
    connect()
        .send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .expect("HTTP/1.1 200 OK\r\n\r\nonetwo")
        .expect_end();
    EXPECT_TRUE(client->finished());
}

// Chunked for HTTP/1.1, so that a cut shows and the connection stays (RFC 9112 §6.1).
TEST_F(ClientResponses, WithoutALengthEndWithTheConnectionOnlyWhereTheyMust) {
    handler.answer = [](FunctionHandler&, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = 200;
        exchange.begin_response(head, http::UntilClose{});
        co_await exchange.send_body("a");
        co_await exchange.finish_response("b", {});
    };
    connect()
        .send(get)
        .expect(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
        .send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .expect("HTTP/1.1 200 OK\r\n\r\nab")
        .expect_end();
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientResponses, HaveNoBodyWhereThereIsNone) {  // RFC 9110 §9.3.2, §15.3.5, §15.4.5
    connect()
        .send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        .send(get)
        .expect(ok_response);
    EXPECT_TRUE(client->finished());

    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = self.requests.size() % 2 == 0 ? 204 : 304;
        exchange.begin_response(head, http::Chunked{});
        co_await exchange.finish_response("ignored", {});
        EXPECT_EQ(exchange.response_bytes(), 0U);
    };
    client->send(get).expect("HTTP/1.1 304 Not Modified\r\n\r\n");
    client->send(get).expect("HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientResponses, MayComeAfterInterimOnes) {  // RFC 9110 §15.2
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = 103;
        head.fields.add("Link", "</a>");
        EXPECT_TRUE(co_await exchange.send_interim(head));
        co_await answer_ok(self, exchange);
    };
    connect()
        .send(get)
        .expect("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        .expect(ok_response);
    EXPECT_TRUE(client->finished());
    connect().send("GET / HTTP/1.0\r\n\r\n").expect(ok_response).expect_end();
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientResponses, AreHeldBackByAClientThatDoesNotRead) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await send_response(self, exchange, 200, std::string(1'000'000, 'r'));
        EXPECT_EQ(exchange.response_bytes(), 1'000'000U);
    };
    connect().send(get).expect("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    EXPECT_TRUE(client->finished());
    EXPECT_NE(handler.exchange, nullptr);
    EXPECT_LT(handler.exchange->response_bytes(), 200'000U);
    client->expect(std::string(1'000'000, 'r'));
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientResponses, ThatDoNotKeepTheirLengthAreBrokenOff) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = 200;
        head.fields.add("Content-Length", "5");
        exchange.begin_response(head, http::Sized{5});
        co_await exchange.send_body("abc");
        const auto sent = co_await exchange.finish_response(self.body, {});
        EXPECT_TRUE(sent.has_error());
    };
    for (const std::string_view rest : {"", "d", "def"}) {
        handler.body = rest;
        connect().send(get).expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").expect_end();
        EXPECT_TRUE(client->finished());
        EXPECT_TRUE(has_ended());
    }
}

TEST_F(ClientResponses, BreakOffVisibly) {  // RFC 9112 §8
    handler.answer = [](FunctionHandler&, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = 200;
        exchange.begin_response(head, http::Chunked{});
        co_await exchange.send_body("abc");
        exchange.break_off({Errc::peer_closed, Side::origin});
        EXPECT_TRUE((co_await exchange.send_body("def")).has_error());
    };
    connect()
        .send(get)
        .expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .expect_end();
    EXPECT_TRUE(client->finished());
    connect().send("GET / HTTP/1.0\r\n\r\n").expect_reset();
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientResponses, ThatAHandlerOwesEndTheConnection) {
    handler.answer = [](FunctionHandler&, ClientExchange&) -> Task<void> { co_return; };
    connect().send(get).expect_end();
    EXPECT_TRUE(client->finished());
}

}  // namespace
}  // namespace nikawa::client
