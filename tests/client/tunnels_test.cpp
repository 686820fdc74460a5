#include <array>

#include "client/client_fixture.hpp"

namespace nikawa::client {
namespace {

constexpr std::string_view connect_request = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
constexpr std::string_view established = "HTTP/1.1 200 OK\r\n\r\n";

// Opens a tunnel, notes what came early, and sends back what comes until the end.
Task<void> answer_with_echo(FunctionHandler& handler, ClientExchange& exchange) {
    EXPECT_TRUE(exchange.can_tunnel());
    co_await read_body(handler, exchange);
    http::ResponseHead head;
    head.status = 200;
    auto end = co_await exchange.open_tunnel(head);
    if (!end) {
        handler.send_failure = end.error();
        co_return;
    }
    handler.body = end->early;
    for (;;) {
        std::array<char, 100> into;
        const auto read = end->stream.try_read(into);
        if (read.state == net::IoResult::State::would_block) {
            co_await end->stream.wait_readable();
        } else if (read.state == net::IoResult::State::done) {
            const Bytes piece{into.data(), read.bytes};
            end->stream.try_write({&piece, 1});
        } else {
            break;
        }
    }
    co_await handler.go_on->wait();
}

class ClientTunnels : public ClientFixture {
protected:
    ClientTunnels() { handler.answer = answer_with_echo; }
};

struct HangUp final : net::PeerCloseListener {
    void peer_closed() noexcept override { told = true; }
    bool told = false;
};

TEST_F(ClientTunnels, HandTheirBytesOver) {
    connect().send(std::string{connect_request}.append("early")).expect(established);
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(handler.body, "early");
    client->send("GET / HTTP/1.1\r\n\r\n").expect("GET / HTTP/1.1\r\n\r\n").end();
    EXPECT_TRUE(client->finished());
    EXPECT_FALSE(has_ended());
    handler.go_on->notify();
    client->expect_end();
    EXPECT_TRUE(has_ended());
    EXPECT_EQ(handler.requests.size(), 1U);
}

TEST_F(ClientTunnels, AreForHttp10Too) {
    connect().send("CONNECT a:443 HTTP/1.0\r\n\r\n").expect(established).send("x").expect("x");
    EXPECT_TRUE(client->finished());
    handler.go_on->notify();
    client->close();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientTunnels, BeginBehindTheBodyOfTheRequest) {
    connect()
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiearly")
        .expect(established);
    EXPECT_TRUE(client->finished());
    EXPECT_EQ(handler.body, "early");
    handler.go_on->notify();
    client->close();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientTunnels, HaveNoTimeoutOfARequest) {
    connect().send(connect_request).expect(established);
    EXPECT_TRUE(client->finished());
    loop.advance(24h);
    client->send("x").expect("x").close();
    EXPECT_TRUE(client->finished());
    handler.go_on->notify();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientTunnels, AreNotSilentBecauseTheClientHasEndedItsSide) {
    connect().send(connect_request).expect(established);
    EXPECT_TRUE(client->finished());
    HangUp hang_up;
    handler.exchange->watch_client(&hang_up);
    client->end();
    loop.advance(1h);
    EXPECT_FALSE(hang_up.told);
    EXPECT_EQ(client->received(), "");
    client->reset();
    loop.run();
    EXPECT_TRUE(hang_up.told);
    handler.go_on->notify();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientTunnels, OutliveTheDrainAndNotTheClose) {
    connect().send(connect_request).expect(established);
    EXPECT_TRUE(client->finished());
    HangUp hang_up;
    handler.exchange->watch_client(&hang_up);
    connection->drain();
    client->send("x").expect("x");
    EXPECT_TRUE(client->finished());
    connection->close();
    EXPECT_TRUE(hang_up.told);
    handler.go_on->notify();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientTunnels, FailWhenTheClientIsGone) {
    connect().send(connect_request).reset();
    EXPECT_TRUE(has_ended());
    EXPECT_TRUE(handler.requests.empty() || handler.send_failure.has_value());
}

}  // namespace
}  // namespace nikawa::client
