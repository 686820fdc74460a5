#include "client/h2_fixture.hpp"

namespace nikawa::client {
namespace {

class H2BodiesTest : public H2ClientFixture {
protected:
    std::int32_t begin(const Fields& head) {
        const auto id = peer->request(head, More::yes);
        pump();
        return id;
    }
    void send(std::int32_t id, Bytes bytes, More more, const Fields& trailers = {}) {
        peer->send(id, bytes, more, trailers);
        pump();
    }
};

// Sends each piece of the request back as it comes.
Task<void> echo(FunctionHandler& handler, ClientExchange& exchange) {
    http::ResponseHead head;
    head.status = 200;
    exchange.begin_response(head, http::Chunked{});
    co_await exchange.flush();
    for (;;) {
        const auto piece = co_await exchange.receive_body();
        if (!piece) {
            handler.body_failure = piece.error();
            co_return exchange.break_off(piece.error());
        }
        if (piece->empty()) break;
        const auto sent = co_await exchange.send_body(*piece);
        if (!sent) co_return;
    }
    co_await exchange.finish_response({}, exchange.request_trailers());
}

TEST_F(H2BodiesTest, ComeToTheHandlerWhole) {
    connect();
    const auto id = begin(post("/", {{"content-length", "6"}}));
    EXPECT_EQ(handler.exchange->request_framing(), (http::BodyFraming{http::Sized{6}}));
    send(id, "abc", More::yes);
    send(id, "def", More::no);
    EXPECT_EQ(handler.body, "abcdef");
    EXPECT_EQ(handler.request_bytes, 6U);
    EXPECT_EQ(handler.response_bytes, 2U);
    EXPECT_EQ(peer->response(id).body, "ok");
}

TEST_F(H2BodiesTest, AConversationIsFullDuplexWithTrailersBothWays) {
    handler.answer = echo;
    connect();
    const auto id = begin(post("/"));
    EXPECT_EQ(handler.exchange->request_framing(), (http::BodyFraming{http::Chunked{}}));
    EXPECT_EQ(peer->response(id).status, "200");
    std::string said;
    for (const Bytes word : {"one ", "two ", "three "}) {
        send(id, word, More::yes);
        said += word;
        EXPECT_EQ(peer->response(id).body, said);
    }
    send(id, "four", More::no, {{"x-sum", "4"}, {"content-length", "18"}});
    EXPECT_EQ(peer->response(id).body, said + "four");
    EXPECT_EQ(peer->response(id).trailers, (Fields{{"x-sum", "4"}}));
    EXPECT_TRUE(peer->response(id).complete);
}

TEST_F(H2BodiesTest, AreTakenFromTheClientOnlyAsTheHandlerTakesThem) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await self.go_on->wait();
        co_await answer_ok(self, exchange);
    };
    connect();
    const std::string body(5'000'000, 'x');
    const auto slow = begin(post("/"));
    send(slow, body, More::no);
    // The window is full, and other streams are not held up by that.
    EXPECT_EQ(handler.exchange->request_bytes(), limits.first_stream_window);
    handler.go_on->notify();
    pump();
    EXPECT_EQ(handler.body.size(), body.size());
    EXPECT_EQ(peer->response(slow).body, "ok");
}

TEST_F(H2BodiesTest, AreCountedWhileTheyWait) {
    MemoryBudget memory{100'000};
    limits.memory = &memory;
    handler.answer = answer_later;
    connect();
    const auto id = begin(post("/"));
    send(id, std::string(1'000'000, 'x'), More::yes);
    EXPECT_GE(memory.held(), limits.first_stream_window);
    EXPECT_LE(memory.held(), 2 * limits.first_stream_window);
    go_on();
    peer->reset(id);
    pump();
    connection->close();
    loop.run();
    EXPECT_LE(memory.held(), 4096U) << "what is kept for the next body";
    connection.reset();
    EXPECT_EQ(memory.held(), 0U);
}

// Else as much as the windows of all streams allow would lie there once more.
TEST_F(H2BodiesTest, OfManyStreamsAreFramedAWriteAtATime) {
    static const std::string body(60'000, 'x');
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await self.held.emplace_back(*self.loop).wait();
        co_await send_response(self, exchange, 200, body);
    };
    connect(1024 * 1024, {.capacity = 8 * 1024 * 1024});
    std::vector<std::int32_t> streams;
    for (int i = 0; i < 15; ++i) streams.push_back(peer->request(get("/")));
    pump();
    go_on();
    for (const auto id : streams) EXPECT_EQ(peer->response(id).body, body);
    constexpr std::size_t a_write_and_a_frame = (64 + 16 + 1) * 1024;
    EXPECT_LE(our_end->most_offered(), a_write_and_a_frame);
}

// The windows of all streams together may be more than all that there is.
TEST_F(H2BodiesTest, EndWhereNobodyTakesThemWhileMemoryIsFull) {
    MemoryBudget memory{100'000};
    limits.memory = &memory;
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await self.held.emplace_back(*self.loop).wait();
        const auto piece = co_await exchange.receive_body();
        if (!piece) self.body_failure = piece.error();
        co_await answer_target(self, exchange);
    };
    connect();
    constexpr std::size_t most_at_once = 16 * 1024;
    const auto first = begin(post("/1"));
    send(first, std::string(30'000, 'x'), More::yes);
    memory.take(100'000);
    const auto held = memory.held();
    send(first, std::string(30'000, 'x'), More::yes);
    EXPECT_EQ(memory.held(), held);
    go_on();
    ASSERT_TRUE(handler.body_failure);
    EXPECT_EQ(handler.body_failure->code, Errc::memory_exhausted);
    EXPECT_EQ(peer->response(first).status, "200") << "the handler may say so";

    handler.body_failure.reset();  // one that takes all that has come keeps its client
    const auto second = begin(post("/2"));
    send(second, std::string(most_at_once, 'x'), More::yes);
    go_on();
    EXPECT_FALSE(handler.body_failure);
    memory.give_back(100'000);
    connection->close();
    loop.run();
    connection.reset();
}

// In pieces of a few bytes, so that what is under way at once shows how large the window is.
TEST_F(H2BodiesTest, OfAQuickHandlerGetALargerWindowUnlessMemoryIsShort) {
    for (const bool is_short : {false, true}) {
        MemoryBudget memory{1'000'000};
        if (is_short) memory.take(600'000);
        limits.memory = &memory;
        handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
            while (exchange.request_bytes() < 2'000'000) {
                const auto piece = co_await exchange.receive_body();
                if (!piece) co_return;
            }
            const auto piece = co_await exchange.receive_body();  // and takes no more
            if (!piece) co_return;
            self.body_pieces = exchange.request_bytes();
            co_await self.go_on->wait();
            self.request_bytes = exchange.request_bytes() - self.body_pieces;
        };
        connect();
        const auto id = begin(post("/"));
        send(id, std::string(2'000'000, 'x'), More::yes);
        send(id, std::string(5'000'000, 'x'), More::yes);
        const auto unread = handler.exchange->request_bytes() - handler.body_pieces;
        EXPECT_LE(unread, is_short ? limits.first_stream_window : limits.stream_window);
        if (!is_short) {
            EXPECT_GT(unread, limits.first_stream_window);
        }
        handler.go_on->notify();
        loop.run();
        connection->close();
        loop.run();
        connection.reset();
        if (is_short) memory.give_back(600'000);
    }
}

TEST_F(H2BodiesTest, AreAskedForWhenTheClientWaits) {  // RFC 9110 §10.1.1
    connect();
    const auto id = begin(post("/", {{"expect", "100-continue"}}));
    EXPECT_EQ(peer->response(id).interim, std::vector<std::string>{"100"});
    send(id, "x", More::no);
    EXPECT_EQ(peer->response(id).status, "200");
}

TEST_F(H2BodiesTest, AreNotAskedForByAnAnswerThatComesFirst) {
    handler.answer = answer_without_reading;
    connect();
    const auto id = begin(post("/", {{"expect", "100-continue"}}));
    EXPECT_TRUE(peer->response(id).interim.empty());
    EXPECT_EQ(peer->response(id).body, "ok");
    send(id, "", More::no);
    EXPECT_TRUE(peer->response(id).complete);
}

// Many clients take the reset for a failure, though the answer came before it.
TEST_F(H2BodiesTest, AreSkippedForAWhileBehindTheAnswer) {  // RFC 9113 §8.1
    handler.answer = answer_without_reading;
    connect();
    const auto whole = begin(post("/"));
    send(whole, std::string(5'000'000, 'x'), More::no);
    EXPECT_TRUE(peer->response(whole).complete);
    EXPECT_FALSE(peer->response(whole).reset);

    const auto endless = begin(post("/"));
    EXPECT_EQ(peer->response(endless).body, "ok");
    for (int i = 0; i < 2; ++i) {
        loop.advance(1s - 1ms);
        send(endless, "more", More::yes);  // which does not make it longer
        EXPECT_FALSE(peer->response(endless).reset);
    }
    loop.advance(2ms);
    pump();
    EXPECT_EQ(peer->response(endless).reset, NGHTTP2_NO_ERROR);
}

TEST_F(H2BodiesTest, ThatTurnOutTooLargeAreRefused) {
    limits.body_bytes = 5;
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        co_await read_body(self, exchange);
        co_await send_response(self, exchange, 413, "");
    };
    connect();
    const auto id = begin(post("/"));
    send(id, "123456", More::no);
    EXPECT_EQ(handler.body_failure, (Failure{Errc::body_too_large, Side::client}));
    EXPECT_EQ(peer->response(id).status, "413");
}

TEST_F(H2BodiesTest, ThatDawdleAreGivenUpAndCanBeAnswered) {
    connect();
    const auto id = begin(post("/"));
    send(id, "a", More::yes);
    loop.advance(limits.read_timeout - 1s);
    send(id, "b", More::yes);
    loop.advance(limits.read_timeout - 1s);
    EXPECT_FALSE(handler.body_failure);
    loop.advance(1s);
    EXPECT_EQ(handler.body_failure, (Failure{Errc::request_body_timed_out, Side::client}));
    pump();
    EXPECT_EQ(peer->response(id).status, "200");
}

TEST_F(H2BodiesTest, MayPauseOnceTheResponseHasBegun) {
    handler.answer = converse;
    connect();
    const auto id = begin(post("/"));
    handler.go_on->notify();
    pump();
    EXPECT_EQ(peer->response(id).status, "200");
    send(id, "a", More::yes);
    loop.advance(3600s);
    send(id, "b", More::yes);
    loop.advance(3600s);
    EXPECT_FALSE(handler.body_failure);
    send(id, "c", More::no);
    EXPECT_EQ(handler.body, "abc");
    handler.go_on->notify();
    pump();
    EXPECT_TRUE(peer->response(id).complete);
}

TEST_F(H2BodiesTest, MayPauseWhereTheResponseBeginsInThePause) {
    handler.answer = converse;
    connect();
    const auto id = begin(post("/"));
    loop.advance(limits.read_timeout - 1s);
    handler.go_on->notify();
    pump();
    loop.advance(3600s);
    EXPECT_FALSE(handler.body_failure);
    send(id, "late", More::no);
    EXPECT_EQ(handler.body, "late");
    handler.go_on->notify();
    pump();
    EXPECT_TRUE(peer->response(id).complete);
}

TEST_F(H2BodiesTest, ThatMoveKeepAClientThatDoesNotReadYet) {
    handler.answer = converse;
    handler.response = "more than the window";
    connect(0);
    const auto id = begin(post("/"));
    handler.go_on->notify();
    pump();
    handler.go_on->notify();
    for (int i = 0; i < 10; ++i) {
        loop.advance(limits.write_timeout - 1s);
        send(id, "a piece", More::yes);
    }
    loop.advance(limits.write_timeout - 1s);
    EXPECT_FALSE(handler.send_failure);
    loop.advance(1s);
    pump();
    EXPECT_EQ(handler.send_failure, (Failure{Errc::write_timed_out, Side::client}));
    EXPECT_EQ(peer->response(id).reset, NGHTTP2_CANCEL);
}

TEST_F(H2BodiesTest, AnInterruptedReceiverLosesNothing) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        const auto interrupted = co_await exchange.receive_body();
        EXPECT_FALSE(interrupted);
        if (!interrupted) self.send_failure = interrupted.error();
        co_await answer_ok(self, exchange);
    };
    connect();
    const auto id = begin(post("/"));
    handler.exchange->interrupt_receive();
    loop.run();
    EXPECT_EQ(handler.send_failure, (Failure{Errc::abandoned, Side::client}));
    send(id, "whole", More::no);
    EXPECT_EQ(handler.body, "whole");
}

// RFC 9113 §8.1.1
TEST_F(H2BodiesTest, ThatAreNotAsLongAsTheySayNeverLookWhole) {
    for (const Bytes body : {"12345", "1234567"}) {
        SCOPED_TRACE(body);
        handler.body_failure.reset();
        connect();
        const auto id = begin(post("/", {{"content-length", "6"}}));
        send(id, body, More::no);
        ASSERT_TRUE(handler.body_failure);
        EXPECT_EQ(handler.body_failure->code, Errc::bad_framing);
        EXPECT_EQ(peer->response(id).reset, NGHTTP2_PROTOCOL_ERROR);
        EXPECT_EQ(ask(get("/next")).status, "200");
    }
}

TEST_F(H2BodiesTest, OfResponsesWaitForTheClientsWindow) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) {
        static const std::string body(300'000, 'y');
        return send_response(self, exchange, 200, body);
    };
    connect(1000);
    const auto& got = ask(get("/"));  // the library gives the window back as it reads
    EXPECT_EQ(got.body.size(), 300'000U);
    EXPECT_TRUE(got.complete);
}

TEST_F(H2BodiesTest, ASlowConnectionHoldsThemAndNobodyCopiesThemMeanwhile) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) {
        static const std::string body(1'000'000, 'y');
        return send_response(self, exchange, 200, body);
    };
    connect(1'000'000'0, {.capacity = 1000});
    const auto& got = ask(get("/"));
    EXPECT_EQ(got.body.size(), 1'000'000U);
    EXPECT_TRUE(got.complete);
}

}  // namespace
}  // namespace nikawa::client
