// What happens when a client takes its time. The fixture's limits: head 10 s, idle 60 s, read 30 s,
// write 20 s.

#include <string>

#include "client/client_fixture.hpp"

namespace nikawa::client {
namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";

class ClientDeadlines : public ClientFixture {
protected:
    void expect_cut_after_write_timeout() {
        loop.advance(20s - 1ms);
        EXPECT_FALSE(handler.send_failure);
        loop.advance(1ms);
        ASSERT_TRUE(handler.send_failure);
        EXPECT_EQ(*handler.send_failure, (Failure{Errc::write_timed_out, Side::client}));
        EXPECT_TRUE(has_ended());
        client->expect_reset();
    }
};

TEST_F(ClientDeadlines, CloseAnIdleConnectionSilently) {
    connect();
    loop.advance(60s - 1ms);
    EXPECT_FALSE(has_ended());
    client->send(get).expect(ok_response);
    EXPECT_TRUE(client->finished());
    loop.advance(60s - 1ms);
    EXPECT_FALSE(has_ended());
    loop.advance(1ms);
    EXPECT_TRUE(has_ended());
    client->expect_end();
}

TEST_F(ClientDeadlines, TakeAnEmptyLineForNoRequest) {
    connect().send("\r\n");
    loop.advance(60s);
    EXPECT_TRUE(has_ended());
    client->expect_end();
}

TEST_F(ClientDeadlines, AnswerAHeadThatDoesNotEnd) {
    connect().send("GET / HT");
    loop.advance(5s);
    client->send("TP/1.1\r\n");  // the time runs from the first byte
    loop.advance(5s - 1ms);
    EXPECT_TRUE(handler.refused.empty());
    loop.advance(1ms);
    ASSERT_EQ(handler.refused.size(), 1U);
    EXPECT_EQ(handler.refused[0], (Failure{Errc::head_timed_out, Side::client}));
    client->expect_head("HTTP/1.1 408").expect_end().close();
    EXPECT_TRUE(client->finished());
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientDeadlines, AnswerAPipelinedHeadThatDoesNotEnd) {
    connect().send(std::string{get}.append("GET")).expect(ok_response);
    loop.advance(10s);
    client->expect_head("HTTP/1.1 408");
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientDeadlines, EndAWaitForABody) {
    connect().send(post);
    loop.advance(29s);
    client->send("abc");
    loop.advance(30s - 1ms);
    EXPECT_FALSE(handler.body_failure);
    loop.advance(1ms);
    ASSERT_TRUE(handler.body_failure);
    EXPECT_EQ(*handler.body_failure, (Failure{Errc::request_body_timed_out, Side::client}));
    client->expect(ok_and_close).expect_end();
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientDeadlines, DoNotBoundThePausesOfABodyOnceTheResponseHasBegun) {
    handler.answer = converse;
    connect().send(post);
    loop.advance(30s - 1ms);
    handler.go_on->notify();
    client->expect_head("HTTP/1.1 200");
    EXPECT_TRUE(client->finished());
    loop.advance(3600s);
    client->send("abcdef");
    loop.run();
    loop.advance(3600s);
    EXPECT_FALSE(handler.body_failure);
    client->send("ghi");
    loop.run();
    EXPECT_EQ(handler.body, "abcdefghi");
    handler.go_on->notify();
    client->expect("0\r\n\r\n");
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientDeadlines, DoNotCutAClientThatSendsBeforeItReadsItsResponse) {
    handler.answer = converse;
    handler.response = std::string(300'000, 'r');
    connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n");
    loop.run();
    handler.go_on->notify();
    client->expect_head("HTTP/1.1 200");
    loop.run();
    handler.go_on->notify();
    for (int i = 0; i < 10; ++i) {
        loop.advance(20s - 1ms);
        client->send("a piece");
        loop.run();
    }
    expect_cut_after_write_timeout();
}

TEST_F(ClientDeadlines, DoNotBoundAnExchangeThatWaitsForItsOrigin) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await self.go_on->wait();
        co_await answer_ok(self, exchange);
    };
    connect().send(get);
    loop.advance(3600s);
    handler.go_on->notify();
    client->expect(ok_response);
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientDeadlines, CutAClientThatDoesNotReadItsResponse) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await send_response(self, exchange, 200, std::string(300'000, 'r'));
    };
    connect().send(get);
    loop.advance(19s);
    client->expect("HTTP/1.1 200 OK");  // reads, and so there is room
    expect_cut_after_write_timeout();
}

TEST_F(ClientDeadlines, BoundTheSkippingOfABody) {
    handler.answer = answer_without_reading;
    connect().send(post).expect(ok_response);
    loop.advance(2s);
    client->expect_end();
    EXPECT_TRUE(client->finished());
    loop.advance(2s);
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientDeadlines, BoundTheLingeringClose) {  // RFC 9112 §9.6
    connect().send("nonsense\r\n\r\n").expect_head("HTTP/1.1 400").expect_end();
    EXPECT_TRUE(client->finished());
    loop.advance(2s - 1ms);
    EXPECT_FALSE(has_ended());
    loop.advance(1ms);
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientDeadlines, LingerWhileAClientSendsButNotForEver) {
    connect().send("nonsense\r\n\r\n").expect_head("HTTP/1.1 400").expect_end();
    EXPECT_TRUE(client->finished());
    for (int i = 1; i < 30; ++i) {
        loop.advance(1s);
        client->send("more");
        EXPECT_FALSE(has_ended());
    }
    loop.advance(1s - 1ms);
    EXPECT_FALSE(has_ended());
    loop.advance(1ms);
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientDeadlines, AreNoneWhenTheLimitsAreZero) {
    limits = {};
    connect();
    loop.advance(86'400s);
    client->send("GET / HTTP/1.1\r\n");
    loop.advance(86'400s);
    client->send("Host: x\r\n\r\n").expect(ok_response);
    EXPECT_TRUE(client->finished());
}

}  // namespace
}  // namespace nikawa::client
