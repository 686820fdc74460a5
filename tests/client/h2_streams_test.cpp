#include "client/h2_fixture.hpp"

namespace nikawa::client {
namespace {

class H2StreamsTest : public H2ClientFixture {};

TEST_F(H2StreamsTest, AnswersARequest) {
    connect();
    const auto& got = ask(get("/a"));
    EXPECT_EQ(handler.requests, std::vector<std::string>{"GET /a"});
    EXPECT_EQ(got.status, "200");
    EXPECT_EQ(got.fields, (Fields{{"content-length", "2"}}));
    EXPECT_EQ(got.body, "ok");
    EXPECT_TRUE(got.complete);
    EXPECT_FALSE(got.reset);
}

TEST_F(H2StreamsTest, FindsThePrefaceHoweverItIsCutUp) {
    for (const std::size_t piece : {1U, 2U, 23U, 24U, 25U}) {
        SCOPED_TRACE(piece);
        peer.emplace();
        stream = accept({});
        our_end->limit_read(piece);
        EXPECT_EQ(ask(get("/a")).body, "ok");
    }
}

TEST_F(H2StreamsTest, IsNotSpokenOnAConnectionThatBeganOtherwise) {
    ClientFixture::connect()
        .send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect(ok_response)
        .send(h2_preface)
        .expect_head("HTTP/1.1 505")
        .expect_end();
    EXPECT_TRUE(client->finished());
    client.reset();
}

TEST_F(H2StreamsTest, ServesManyAtOnceAndEachWhenItIsReady) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) {
        return exchange.head().target == "/slow" ? answer_later(self, exchange)
                                                 : answer_target(self, exchange);
    };
    connect();
    const auto slow = peer->request(get("/slow"));
    std::vector<std::int32_t> quick;
    for (int i = 0; i < 100; ++i) quick.push_back(peer->request(get("/" + std::to_string(i))));
    const auto writes = our_end->writes();
    pump();
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(peer->response(quick[static_cast<std::size_t>(i)]).body, "/" + std::to_string(i));
    }
    EXPECT_LE(our_end->writes() - writes, 3U) << "the frames of a turn leave together";
    EXPECT_FALSE(peer->response(slow).ended);
    go_on();
    EXPECT_EQ(peer->response(slow).body, "/slow");
}

TEST_F(H2StreamsTest, TakesNoMoreStreamsThanItSays) {
    limits.max_streams = 2;
    handler.answer = answer_later;
    connect();
    EXPECT_EQ(peer->setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 2U);
    for (int i = 0; i < 3; ++i) peer->request(get("/"));
    pump();
    EXPECT_EQ(handler.requests.size(), 2U);
    go_on();
    EXPECT_EQ(handler.requests.size(), 3U);
    go_on();
}

TEST_F(H2StreamsTest, RefusesWhatItCannotServeAndGoesOn) {
    limits.head.start_line_bytes = 100;
    limits.head.head_bytes = 2000;
    limits.body_bytes = 10;
    connect();
    EXPECT_EQ(ask(get("/" + std::string(200, 'x'))).status, "414");
    auto large = get("/");
    large.emplace_back("x-large", std::string(3000, 'x'));
    EXPECT_EQ(ask(large).status, "431");
    auto elsewhere = get("/");
    elsewhere.emplace_back("host", "another.example");
    EXPECT_EQ(ask(elsewhere).status, "400");
    auto strange = get("/");
    strange.emplace_back("expect", "a miracle");
    EXPECT_EQ(ask(strange).status, "417");
    const auto id = peer->request(post("/", {{"content-length", "11"}}), More::yes);
    pump();
    EXPECT_EQ(peer->response(id).status, "413");
    EXPECT_EQ(handler.requests.size(), 0U);
    EXPECT_EQ(handler.refused.size(), 5U);
    EXPECT_EQ(ask(get("/")).status, "200");
}

TEST_F(H2StreamsTest, NeverBecomesATunnel) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) {
        EXPECT_FALSE(exchange.can_tunnel());
        return answer_ok(self, exchange);
    };
    connect();
    EXPECT_EQ(ask(get("/")).status, "200");
}

TEST_F(H2StreamsTest, AResponseWithoutABodyEndsWithItsHead) {
    handler.answer = [](FunctionHandler& /*self*/, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = exchange.head().target == "/204" ? 204 : 200;
        head.fields.add("grpc-status", "8");
        http::BodyFraming framing = http::Chunked{};
        if (exchange.head().target == "/sized") framing = http::Sized{0};
        exchange.begin_response(head, framing);
        co_await exchange.finish_response({}, {});
    };
    connect();
    for (const auto& head : {get("/"), get("/204"), get("/sized"), post("/")}) {
        const auto& got = ask(head);
        EXPECT_TRUE(got.ended_with_head);
        EXPECT_EQ(got.fields, (Fields{{"grpc-status", "8"}}));
        EXPECT_TRUE(got.complete);
    }
}

TEST_F(H2StreamsTest, SendsTrailersAndInterimHeads) {
    handler.answer = [](FunctionHandler& /*self*/, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead hints;
        hints.status = 103;
        hints.fields.add("Link", "</a>");
        co_await exchange.send_interim(hints);
        http::ResponseHead head;
        head.status = 200;
        head.fields.add("X-Kind", "one");
        head.fields.add("Connection", "keep-alive");  // has no place here
        exchange.begin_response(head, http::Chunked{});
        co_await exchange.send_body("some");
        http::FieldBlock trailers;
        trailers.add("Grpc-Status", "0");
        co_await exchange.finish_response(" more", trailers);
    };
    connect();
    const auto& got = ask(get("/"));
    EXPECT_EQ(got.interim, std::vector<std::string>{"103"});
    EXPECT_EQ(got.body, "some more");
    EXPECT_EQ(got.field("x-kind"), "one");
    EXPECT_EQ(got.field("connection"), "");
    EXPECT_EQ(got.trailers, (Fields{{"grpc-status", "0"}}));
    EXPECT_TRUE(got.complete);
}

TEST_F(H2StreamsTest, AHeadLeavesBeforeItsBodyWhenItIsAskedTo) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = 200;
        exchange.begin_response(head, http::Chunked{});
        co_await exchange.flush();
        co_await self.go_on->wait();
        co_await exchange.finish_response("late", {});
    };
    connect();
    const auto id = peer->request(get("/"));
    pump();
    EXPECT_EQ(peer->response(id).status, "200");
    EXPECT_FALSE(peer->response(id).ended);
    handler.go_on->notify();
    pump();
    EXPECT_EQ(peer->response(id).body, "late");
}

TEST_F(H2StreamsTest, ADeniedConnectionEndsWithItsAnswer) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) {
        exchange.close_after_response();
        return answer_ok(self, exchange);
    };
    connect();
    EXPECT_EQ(ask(get("/")).status, "200");
    ASSERT_FALSE(peer->go_aways().empty());
    EXPECT_EQ(peer->go_aways().front(), (std::pair<std::int32_t, std::uint32_t>{1, 0}));
    stream->close();
    EXPECT_TRUE(has_ended());
}

}  // namespace
}  // namespace nikawa::client
