// How a connection ends other than by its client's wish.

#include <string>

#include "client/client_fixture.hpp"

namespace nikawa::client {
namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

Task<void> answer_when_told(FunctionHandler& handler, ClientExchange& exchange) {
    co_await handler.go_on->wait();
    co_await answer_ok(handler, exchange);
}

Task<void> begin_and_wait(FunctionHandler& handler, ClientExchange& exchange) {
    http::ResponseHead head;
    head.status = 200;
    exchange.begin_response(head, http::Chunked{});
    co_await exchange.flush();
    co_await handler.go_on->wait();
    const auto sent = co_await exchange.finish_response("", {});
    if (!sent) handler.send_failure = sent.error();
}

Task<void> begin_and_flood(FunctionHandler& handler, ClientExchange& exchange) {
    http::ResponseHead head;
    head.status = 200;
    exchange.begin_response(head, http::Chunked{});
    const std::string much(100'000, 'x');
    const auto sent = co_await exchange.send_body(much);
    if (!sent) handler.send_failure = sent.error();
    exchange.break_off({Errc::peer_closed, Side::origin});
}

struct HangUp final : net::PeerCloseListener {
    void peer_closed() noexcept override { told = true; }
    bool told = false;
};

class ClientEndings : public ClientFixture {};

TEST_F(ClientEndings, DrainClosesAnIdleConnectionAtOnce) {
    connect().send(get).expect(ok_response);
    EXPECT_TRUE(client->finished());
    connection->drain();
    EXPECT_TRUE(has_ended());
    client->expect_end();
}

TEST_F(ClientEndings, DrainClosesAConnectionThatHasNotBegun) {
    connect();
    connection->drain();
    client->expect_end();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientEndings, DrainLetsARequestFinishAndSaysSo) {
    handler.answer = answer_when_told;
    connect().send(get);
    loop.run();
    connection->drain();
    EXPECT_FALSE(has_ended());
    handler.go_on->notify();
    client->expect(ok_and_close).expect_end();
    EXPECT_TRUE(client->finished());
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientEndings, DrainLetsAHeadComeToItsEnd) {
    connect().send("GET / HTTP/1.1\r\n");
    loop.run();
    connection->drain();
    client->send("Host: x\r\n\r\n").expect(ok_and_close).expect_end();
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientEndings, DrainEndsAfterAResponseThatHadBegun) {
    handler.answer = begin_and_wait;
    connect().send(get).expect_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_TRUE(client->finished());
    connection->drain();
    handler.go_on->notify();
    client->expect("0\r\n\r\n").expect_end();
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientEndings, CloseCutsARequestOff) {
    handler.answer = begin_and_wait;
    connect().send(get).expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client->finished());
    connection->close();
    handler.go_on->notify();
    client->expect_end();
    EXPECT_TRUE(has_ended());
    ASSERT_TRUE(handler.send_failure);
    EXPECT_EQ(handler.send_failure->code, Errc::client_gone);
}

TEST_F(ClientEndings, CloseWakesAWaitForABody) {
    connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    loop.run();
    connection->close();
    EXPECT_TRUE(has_ended());
    EXPECT_EQ(handler.body_failure->code, Errc::client_gone);
}

TEST_F(ClientEndings, TheHandlerIsToldWhenTheClientHangsUp) {
    handler.answer = answer_when_told;
    connect().send(get);
    loop.run();
    HangUp hang_up;
    handler.exchange->watch_client(&hang_up);
    client->close();
    loop.run();
    EXPECT_TRUE(hang_up.told);
    handler.go_on->notify();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientEndings, AClientThatEndsItsSideGetsItsAnswer) {
    // It is asked whether it is still there, by what RFC 9110 §15.2.1 has it discard.
    handler.answer = answer_when_told;
    connect().send(get);
    loop.run();
    HangUp hang_up;
    handler.exchange->watch_client(&hang_up);
    client->end();
    loop.run();
    EXPECT_FALSE(hang_up.told);
    handler.go_on->notify();
    client->expect("HTTP/1.1 100 Continue\r\n\r\n").expect(ok_response).expect_end();
    EXPECT_TRUE(client->finished());
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientEndings, AnHttp10ClientThatEndsItsSideIsNotAskedAnything) {
    handler.answer = answer_when_told;
    connect().send("GET / HTTP/1.0\r\n\r\n");
    loop.run();
    HangUp hang_up;
    handler.exchange->watch_client(&hang_up);
    client->end();
    loop.run();
    EXPECT_FALSE(hang_up.told);
    handler.go_on->notify();
    client->expect_head("HTTP/1.1 200 OK").expect("ok").expect_end();
    EXPECT_TRUE(client->finished());
}

TEST_F(ClientEndings, WhatWasPipelinedBeforeTheEndIsAnswered) {
    connect().send(std::string{get} + std::string{get}).end();
    client->expect(ok_response).expect(ok_response).expect_end();
    EXPECT_TRUE(client->finished());
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientEndings, AClientThatEndsItsSideInAHeadOrIdleIsClosed) {
    for (const std::string_view sent : {"", "GET / HT"}) {
        SCOPED_TRACE(sent);
        connect().send(std::string{sent}).end();
        client->expect_end();
        EXPECT_TRUE(client->finished());
        EXPECT_TRUE(has_ended());
        EXPECT_TRUE(handler.requests.empty());
    }
}

TEST_F(ClientEndings, AClientThatEndsItsSideInABodyIsGone) {
    connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc").end();
    loop.run();
    ASSERT_TRUE(handler.body_failure);
    EXPECT_EQ(handler.body_failure->code, Errc::client_gone);
}

TEST_F(ClientEndings, InTheMiddleOfAResponseAHalfClosedClientMustGetSomethingNowAndThen) {
    handler.answer = begin_and_wait;
    connect().send(get).expect_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_TRUE(client->finished());
    HangUp hang_up;
    handler.exchange->watch_client(&hang_up);
    client->end();
    loop.run();
    loop.advance(800ms - 1ms);
    EXPECT_FALSE(hang_up.told);
    loop.advance(1ms);
    EXPECT_TRUE(hang_up.told);
    handler.go_on->notify();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientEndings, InTheMiddleOfAResponseAHalfClosedClientMayReadSlowly) {
    handler.answer = begin_and_flood;
    connect({.capacity = 1000}).send(get);
    loop.run();
    HangUp hang_up;
    handler.exchange->watch_client(&hang_up);
    client->end();
    loop.run();
    loop.advance(15s);  // bytes wait for it: it is the write timeout that runs
    EXPECT_FALSE(hang_up.told);
    client->close();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientEndings, TheHandlerIsToldWhenTheConnectionIsCutOff) {
    handler.answer = answer_when_told;
    connect().send(get);
    loop.run();
    HangUp hang_up;
    handler.exchange->watch_client(&hang_up);
    connection->close();
    EXPECT_TRUE(hang_up.told);
    handler.go_on->notify();
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientEndings, NobodyIsToldAfterTheExchange) {
    handler.answer = answer_when_told;
    connect().send(get);
    loop.run();
    HangUp hang_up;
    handler.exchange->watch_client(&hang_up);
    handler.go_on->notify();
    client->expect(ok_response).close();
    EXPECT_TRUE(has_ended());
    EXPECT_FALSE(hang_up.told);
}

TEST_F(ClientEndings, AnAnswerToARefusedRequestSurvivesWhatTheClientStillSends) {
    // RFC 9112 §9.6: closing at once would reset the connection under the answer.
    connect().send("nonsense\r\n\r\n" + std::string(5'000'000, 'x'));
    client->expect_head("HTTP/1.1 400").expect_end().close();
    EXPECT_TRUE(client->finished());
    EXPECT_TRUE(has_ended());
}

TEST_F(ClientEndings, AClientThatResetsAnIdleConnectionEndsIt) {
    connect().send(get).expect(ok_response).reset();
    EXPECT_TRUE(has_ended());
}

}  // namespace
}  // namespace nikawa::client
