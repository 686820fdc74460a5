#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "origin/h1_fixture.hpp"

namespace nikawa::origin {
namespace {

// Uploads

TEST_F(H1SessionTest, SendsASmallBodyWithItsHeadInOneWrite) {
    auto lease = session->open_stream(timeouts);
    ASSERT_TRUE(lease->send_head(request("POST"), http::Sized{5}));
    ASSERT_TRUE(loop.result_of(lease->send_body("hello")));
    ASSERT_TRUE(loop.result_of(lease->finish_body({}, {})));
    EXPECT_EQ(wire->writes(), 1U);
    EXPECT_EQ(origin->received(), "POST / HTTP/1.1\r\nHost: api.example.com\r\n\r\nhello");
}

TEST_F(H1SessionTest, SendsALargePieceWithItsHeadAndFramingInOneWrite) {
    auto lease = session->open_stream(timeouts);
    ASSERT_TRUE(lease->send_head(request("POST"), http::Chunked{}));
    const std::string piece(32 * 1024, 'x');
    ASSERT_TRUE(loop.result_of(lease->send_body(piece)));
    EXPECT_EQ(wire->writes(), 1U);
    EXPECT_EQ(origin->received(),
              "POST / HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
              "8000\r\n" +
                  piece + "\r\n");
}

TEST_F(H1SessionTest, SendsChunksAndTrailers) {
    auto lease = begin(request("POST"), http::Chunked{});
    origin->expect_head("POST");
    ASSERT_TRUE(loop.result_of(lease->send_body("hello")));
    ASSERT_TRUE(loop.result_of(lease->send_body("")));
    ASSERT_TRUE(loop.result_of(lease->send_body("you")));
    http::FieldBlock trailers;
    trailers.add("X-Sum", "5d41");
    ASSERT_TRUE(loop.result_of(lease->finish_body({}, trailers)));
    EXPECT_EQ(origin->received(), "5\r\nhello\r\n3\r\nyou\r\n0\r\nX-Sum: 5d41\r\n\r\n");
}

TEST_F(H1SessionTest, HoldsTheSenderWhenTheOriginDoesNotRead) {
    connect({}, 1000);
    std::string body;
    for (int i = 0; body.size() < 100'000; ++i) body += std::to_string(i);
    body.resize(100'000);
    auto lease = begin(request("POST"), http::Chunked{});
    const auto sent = loop.start(lease->send_body(body));
    EXPECT_FALSE(sent.done());
    origin->expect_head("POST").expect("186a0\r\n").expect(body).expect("\r\n0\r\n\r\n");
    loop.run();
    ASSERT_TRUE(sent.done());
    EXPECT_TRUE(sent.value());
    ASSERT_TRUE(loop.result_of(lease->finish_body({}, {})));
    EXPECT_TRUE(origin->finished());
    origin->send("HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(reply_of(lease).status, 204U);
    lease.reset();
    EXPECT_TRUE(is_reusable());
}

TEST_F(H1SessionTest, SendsEverythingInOrderWhateverTheWireTakesAtOnce) {
    for (const std::size_t at_once : {1U, 2U, 7U, 100U}) {
        connect();
        wire->limit_write(at_once);
        auto lease = session->open_stream(timeouts);
        ASSERT_TRUE(lease->send_head(request("PUT"), http::Chunked{}));
        const std::string large(20'000, 'x');
        ASSERT_TRUE(loop.result_of(lease->send_body("small")));
        ASSERT_TRUE(loop.result_of(lease->send_body(large)));
        ASSERT_TRUE(loop.result_of(lease->send_body("last")));
        ASSERT_TRUE(loop.result_of(lease->finish_body({}, {})));
        origin->expect_head("PUT")
            .expect("5\r\nsmall\r\n4e20\r\n" + large + "\r\n4\r\nlast\r\n0\r\n\r\n")
            .send("HTTP/1.1 204 No Content\r\n\r\n");
        EXPECT_EQ(reply_of(lease).status, 204U);
        lease.reset();
        EXPECT_TRUE(is_reusable());
    }
}

TEST_F(H1SessionTest, BreaksARequestThatIsNotAsLongAsAnnounced) {
    auto lease = begin(request("POST"), http::Sized{5});
    ASSERT_TRUE(loop.result_of(lease->send_body("hell")));
    EXPECT_EQ(loop.result_of(lease->finish_body({}, {})).error().code, Errc::bad_framing);
    lease.reset();
    EXPECT_FALSE(is_reusable());

    connect();
    lease = begin(request("POST"), http::Sized{5});
    EXPECT_EQ(loop.result_of(lease->send_body("hello!")).error().code, Errc::bad_framing);
    EXPECT_EQ(reply_of(lease).failure, Errc::bad_framing);
    lease.reset();
}

TEST_F(H1SessionTest, LetsTheSenderGoWhenTheAnswerCameEarly) {
    connect({}, 1000);
    auto lease = begin(request("POST"), http::Sized{100'000});
    const std::string body(100'000, 'x');
    const auto sent = loop.start(lease->send_body(body));
    const auto reply = loop.start(read_reply(*lease));
    origin->send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!");
    loop.run();
    ASSERT_TRUE(sent.done());
    EXPECT_TRUE(sent.value());
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value(), (Reply{413, "no!", {}}));
    EXPECT_TRUE(loop.result_of(lease->send_body("more")));
    EXPECT_TRUE(loop.result_of(lease->finish_body({}, {})));
    lease.reset();
    EXPECT_FALSE(is_reusable()) << "the origin may still wait for the rest";
}

TEST_F(H1SessionTest, SendsTheLastPieceWithTheEnd) {
    http::FieldBlock trailers;
    trailers.add("X-Sum", "1");
    for (const bool is_sized : {true, false}) {
        http::BodyFraming framing = http::Chunked{};
        if (is_sized) framing = http::Sized{5};
        auto lease = post(framing);
        ASSERT_TRUE(loop.result_of(lease->finish_body("hello", trailers)));
        origin->expect_head("POST")
            .expect(is_sized ? "hello" : "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
            .send("HTTP/1.1 204 No Content\r\n\r\n");
        EXPECT_EQ(reply_of(lease).status, 204U);
        lease.reset();
        EXPECT_TRUE(is_reusable());
    }
}

TEST_F(H1SessionTest, StreamsBothWaysAtOnce) {
    auto lease = begin(request("POST"), http::Chunked{});
    origin->expect_head("POST").send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const auto reply = loop.start(read_reply(*lease));
    ASSERT_TRUE(loop.result_of(lease->send_body("ping")));
    origin->expect("4\r\nping\r\n").send("4\r\npong\r\n");
    loop.run();
    ASSERT_TRUE(loop.result_of(lease->finish_body({}, {})));
    origin->expect("0\r\n\r\n").send("0\r\n\r\n");
    loop.run();
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value(), (Reply{200, "pong", {}}));
    lease.reset();
    EXPECT_TRUE(is_reusable());
}

TEST_F(H1SessionTest, ReadsTheAnswerOfAnOriginThatTakesNoMore) {
    auto lease = begin(request("POST"), http::Chunked{});
    const auto reply = loop.start(read_reply(*lease));
    origin->expect_head("POST")
        .send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno")
        .close();
    loop.run();
    EXPECT_TRUE(loop.result_of(lease->send_body("more")));
    loop.run();
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value(), (Reply{400, "no", {}}));
}

TEST_F(H1SessionTest, TellsTheReceiverWhenTheOriginResetsAnUpload) {
    connect({}, 1000);
    auto lease = begin(request("POST"), http::Sized{100'000});
    const std::string body(100'000, 'x');
    const auto sent = loop.start(lease->send_body(body));
    origin->expect_head("POST").reset();
    loop.run();
    EXPECT_TRUE(sent.done());
    EXPECT_EQ(reply_of(lease).failure, Errc::peer_closed);
    EXPECT_FALSE(lease->has_response_begun());
}

TEST_F(H1SessionTest, WakesTheSenderWhenItIsAbandoned) {
    connect({}, 1000);
    auto lease = begin(request("POST"), http::Sized{100'000});
    const std::string body(100'000, 'x');
    const auto sent = loop.start(lease->send_body(body));
    lease->abandon(given_up);
    loop.run();
    ASSERT_TRUE(sent.done());
    EXPECT_EQ(sent.value().error(), given_up);
}

// Time

TEST_F(H1SessionTest, GivesUpOnAHeadFromTheEndOfTheRequest) {
    auto lease = begin(request("POST"), http::Sized{2});
    const auto reply = loop.start(read_reply(*lease));
    loop.advance(1h);  // the sender sets the pace
    ASSERT_TRUE(loop.result_of(lease->send_body("x")));
    loop.advance(1h);
    ASSERT_TRUE(loop.result_of(lease->send_body("y")));
    ASSERT_TRUE(loop.result_of(lease->finish_body({}, {})));
    loop.advance(timeouts.response_head - 1ms);
    EXPECT_FALSE(reply.done());
    loop.advance(1ms);
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value().failure, Errc::response_head_timed_out);
}

TEST_F(H1SessionTest, GivesUpOnAHeadThatTricklesIn) {
    origin->expect_head("GET");
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    loop.advance(timeouts.response_head - 1ms);
    origin->send("HTTP/1.1 2");
    loop.advance(1ms);
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value().failure, Errc::response_head_timed_out);
}

TEST_F(H1SessionTest, GivesUpOnABodyThatStandsStill) {
    origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    loop.advance(timeouts.response_body - 1ms);
    origin->send("wor");
    loop.run();
    loop.advance(timeouts.response_body - 1ms);
    EXPECT_FALSE(reply.done());
    loop.advance(1ms);
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value(), (Reply{200, "hellowor", Errc::response_body_timed_out}));
}

TEST_F(H1SessionTest, WaitsForTheBodyWhileTheRequestMoves) {
    auto lease = begin(request("POST"), http::Chunked{});
    origin->expect_head("POST").send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    const auto reply = loop.start(read_reply(*lease));
    loop.run();
    for (int i = 0; i < 10; ++i) {
        loop.advance(timeouts.response_body - 1ms);
        ASSERT_TRUE(loop.result_of(lease->send_body("piece")));
    }
    loop.advance(timeouts.response_body - 1ms);
    EXPECT_FALSE(reply.done());
    loop.advance(1ms);
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value(), (Reply{200, "", Errc::response_body_timed_out}));
}

// It may be our not taking its response that keeps it from taking the request.
TEST_F(H1SessionTest, IsNotBlamedForARequestThatStandsStillWhileItsHolderIsBusy) {
    connect({}, 1000);
    auto lease = begin(request("POST"), http::Sized{100'000});
    const std::string body(100'000, 'x');
    const auto sent = loop.start(lease->send_body(body));
    origin->expect_head("POST").send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    ASSERT_TRUE(loop.result_of(lease->receive_head()));
    ASSERT_EQ(*loop.result_of(lease->receive_body()), "hello");
    loop.advance(24h);
    EXPECT_FALSE(sent.done());
    const auto piece = loop.start(lease->receive_body());
    loop.advance(timeouts.response_body);
    ASSERT_TRUE(piece.done());
    EXPECT_EQ(piece.value().error().code, Errc::response_body_timed_out);
    EXPECT_TRUE(sent.done());
}

TEST_F(H1SessionTest, DoesNotCountTheTimeThatItsHolderTakes) {
    origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    auto lease = get();
    ASSERT_TRUE(loop.result_of(lease->receive_head()));
    loop.advance(24h);
    EXPECT_EQ(*loop.result_of(lease->receive_body()), "hello");
}

TEST_F(H1SessionTest, GivesUpOnAnOriginThatTakesNothingMore) {
    connect({}, 1000);
    auto lease = begin(request("POST"), http::Sized{100'000});
    const std::string body(100'000, 'x');
    const auto sent = loop.start(lease->send_body(body));
    loop.advance(timeouts.write - 1ms);
    origin->expect_head("POST");  // makes room once
    loop.advance(timeouts.write - 1ms);
    EXPECT_FALSE(sent.done());
    loop.advance(1ms);
    ASSERT_TRUE(sent.done());
    EXPECT_EQ(sent.value().error().code, Errc::write_timed_out);
}

TEST_F(H1SessionTest, GivesUpOnARequestHeadThatIsNotTaken) {
    connect({}, 10);
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    loop.advance(timeouts.write - 1ms);
    EXPECT_FALSE(reply.done());
    loop.advance(1ms);
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value().failure, Errc::write_timed_out);
}

}  // namespace
}  // namespace nikawa::origin
