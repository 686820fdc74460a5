// Request bodies: how they are read, waited for, limited, and what becomes of what nobody reads.

#include <string>

#include "client/client_fixture.hpp"

namespace nikawa::client {
namespace {

constexpr std::string_view sized_head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n";
constexpr std::string_view chunked_head =
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view expecting_head =
    "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n";
constexpr std::string_view go_on_line = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view next_request = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";

std::string sized_request(std::size_t bytes) {
    return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
}

class ClientBodies : public ClientFixture {};

TEST_F(ClientBodies, AreTheSameHoweverTheyAreSplit) {
    const std::string requests[] = {
        std::string{sized_head} + "hello world",
        std::string{chunked_head} + "6\r\nhello \r\n5;x=y\r\nworld\r\n0\r\nSum: 9\r\n\r\n",
    };
    for (const std::string& request : requests) {
        for (std::size_t at = 1; at <= request.size(); ++at) {
            SCOPED_TRACE(at);
            connect().send(request.substr(0, at));
            loop.run();
            client->send(request.substr(at)).expect(ok_response);
            client->send(next_request).expect(ok_response);
            EXPECT_TRUE(client->finished());
            EXPECT_EQ(handler.requests.back(), "GET /next");
            EXPECT_FALSE(handler.body_failure);
        }
        for (std::size_t piece = 1; piece < 20; ++piece) {
            SCOPED_TRACE(piece);
            connect();
            our_end->limit_read(piece);
            client->send(request).expect(ok_response);
            EXPECT_TRUE(client->finished());
            EXPECT_EQ(handler.body, "hello world");
            EXPECT_EQ(handler.request_bytes, 11U);
        }
    }
}

TEST_F(ClientBodies, GiveTheirTrailersAtTheirEnd) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await read_body(self, exchange);
        const auto sum = exchange.request_trailers().find("sum");
        co_await send_response(self, exchange, 200, sum.value_or("none"));
    };
    connect()
        .send(chunked_head)
        .send("1\r\na\r\n0\r\nSum: 9\r\n\r\n")
        .expect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n9");
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientBodies, PassInLargePiecesWhenTheyAreLarge) {
    const std::string body(1'000'000, 'b');
    connect({.capacity = 2 * body.size()})
        .send(sized_request(body.size()) + body)
        .expect(ok_response);
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(handler.body, body);
    EXPECT_LE(handler.body_pieces, 1 + body.size() / (64 * 1024) + 1);
}

TEST_F(ClientBodies, AreHeldBackWhileNobodyReceivesThem) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await self.go_on->wait();
        co_await answer_ok(self, exchange);
    };
    const std::string body(1'000'000, 'b');
    connect().send(sized_request(body.size()) + body);
    EXPECT_FALSE(client->finished());
    EXPECT_LE(our_end->reads(), 1U);
    handler.go_on->notify();
    client->expect(ok_response);
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(handler.body.size(), body.size());
}

TEST_F(ClientBodies, AreAskedForWhenTheClientWaits) {  // RFC 9110 §10.1.1
    connect().send(expecting_head).expect(go_on_line).send("abc").expect(ok_response);
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(handler.body, "abc");
}

TEST_F(ClientBodies, AreNotAskedForWhenThatIsNeedless) {
    const std::string requests[] = {
        std::string{expecting_head} + "abc",  // it is coming already
        "GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
    };
    for (const std::string& request : requests) {
        SCOPED_TRACE(request);
        connect().send(request).expect(ok_response);
        EXPECT_TRUE(client->finished());
    }
    connect()
        .send("PUT / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        .send("abc")
        .expect(ok_response);
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientBodies, EndTheConnectionWhenTheAnswerCameBeforeTheyWereAskedFor) {
    handler.answer = answer_without_reading;
    connect().send(expecting_head).expect(ok_and_close).expect_end().close();
    EXPECT_TRUE(client->finished());
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientBodies, ThatNobodyReadAreSkippedWhenLittleIsLeft) {
    handler.answer = answer_without_reading;
    const std::string body(60'000, 'b');
    connect().send(sized_request(body.size())).expect(ok_response);
    client->send(body).send(next_request).expect(ok_response);
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(handler.requests.back(), "GET /next");
}

TEST_F(ClientBodies, ThatNobodyReadEndTheConnectionAfterTheResponse) {
    handler.answer = answer_without_reading;
    const std::string body(500'000, 'b');
    const std::string chunked = std::string{chunked_head} + "7a120\r\n";
    for (const std::string& head : {sized_request(body.size()), chunked}) {
        connect().send(head).expect(ok_and_close).send(body).expect_end().close();
        EXPECT_TRUE(client->finished()) << "a reset would have taken the response away";
        EXPECT_TRUE(has_ended());
    }
}

TEST_F(ClientBodies, ThatAreBrokenAreAFailureAndNotAnEnd) {
    struct Row {
        std::string body;
        Errc code;
    };
    const Row rows[] = {
        {"x\r\n", Errc::bad_framing},
        {"1\r\nab", Errc::bad_framing},
        {"ffffffffffffffffff\r\n", Errc::bad_framing},
        {"a\r\n" + std::string(10, 'a') + "\r\n1\r\nb\r\n", Errc::body_too_large},
    };
    limits.body_bytes = 10;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.body);
        handler.body_failure.reset();
        connect().send(chunked_head).send(row.body).expect(ok_and_close).expect_end().close();
        EXPECT_TRUE(client->finished());
        ASSERT_TRUE(handler.body_failure);
        EXPECT_EQ(handler.body_failure->code, row.code);
        EXPECT_EQ(handler.body_failure->side, Side::client);
    }
}

TEST_F(ClientBodies, ThatTheClientCutsOffAreAFailure) {
    for (const std::string_view head : {sized_head, chunked_head}) {
        handler.body_failure.reset();
        connect().send(head).send("5\r\nab").end().expect(ok_and_close).expect_end();
        EXPECT_TRUE(client->finished());
        ASSERT_TRUE(handler.body_failure);
        EXPECT_EQ(handler.body_failure->code, Errc::client_gone);
    }
    handler.body_failure.reset();
    connect().send(sized_head);
    loop.run();
    client->reset();
    EXPECT_TRUE(has_ended());
    ASSERT_TRUE(handler.body_failure);
    EXPECT_EQ(handler.body_failure->code, Errc::client_gone);
    EXPECT_TRUE(handler.body_failure->cause.failed());
}

TEST_F(ClientBodies, GoOnAfterAnInterruptedWait) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        exchange.interrupt_receive();  // nobody waits: nothing happens
        co_await read_body(self, exchange);
        const std::string before = self.body;
        co_await read_body(self, exchange);
        co_await send_response(self, exchange, 200, before + "+" + self.body);
    };
    connect().send(sized_head).send("hello ");
    loop.run();
    handler.exchange->interrupt_receive();
    loop.run();
    ASSERT_TRUE(handler.body_failure);
    EXPECT_EQ(handler.body_failure->code, Errc::abandoned);
    client->send("world").expect("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello +world");
    EXPECT_TRUE(client->finished());
}

// The rest of a request body comes while the response is on its way, each in its coroutine.
struct Upload {
    static Task<void> receive(FunctionHandler& self, ClientExchange& exchange) {
        co_await read_body(self, exchange);
        self.go_on->notify();
    }
    static Task<void> answer(FunctionHandler& self, ClientExchange& exchange) {
        self.loop->spawn(receive(self, exchange));
        co_await answer_in_chunks(self, exchange);
        co_await self.go_on->wait();
    }
};

TEST_F(ClientBodies, AreReceivedWhileTheResponseIsSent) {
    handler.answer = Upload::answer;
    connect({.capacity = 8}).send(sized_head).expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client->finished());
    client->send("hello")
        .expect("3\r\none\r\n")
        .send(" world")
        .expect("3\r\ntwo\r\n0\r\nSum: 6\r\n\r\n");
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(handler.body, "hello world");
}

}  // namespace
}  // namespace nikawa::client
