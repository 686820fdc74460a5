#include <string>
#include <vector>

#include "origin/h1_fixture.hpp"

namespace nikawa::origin {
namespace {

constexpr std::string_view ok_head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view too_large =
    "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";

// What h1_session_test.cpp leaves out: the rarer orders of events.
class H1SessionEdgesTest : public H1SessionTest {};

// Connections

TEST_F(H1SessionEdgesTest, AnEndAfterAResponseRetiresTheSession) {
    connect().expect_head("GET /").send(ok).close();
    auto lease = get("/");
    EXPECT_EQ(status_of(lease), 200U);
    EXPECT_EQ(*body_of(lease), "hello");
    lease.reset();
    expect_ended();
}

TEST_F(H1SessionEdgesTest, PersistsAsTheResponseSays) {  // RFC 9112 §9.3
    const struct {
        std::string_view head;
        bool stays;
    } rows[] = {
        {"HTTP/1.1 204 No Content\r\n", true},
        {"HTTP/1.1 204 No Content\r\nConnection: close\r\n", false},
        {"HTTP/1.1 204 No Content\r\nConnection: x, Close\r\n", false},
        {"HTTP/1.1 204 No Content\r\nConnection: x\r\nConnection: close\r\n", false},
        {"HTTP/1.1 204 No Content\r\nConnection: closed\r\n", true},
        {"HTTP/1.0 204 No Content\r\n", false},
        {"HTTP/1.0 204 No Content\r\nConnection: Keep-Alive\r\n", true},
        {"HTTP/1.0 204 No Content\r\nConnection: keep-alive, close\r\n", false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.head);
        connect().expect_head("GET /").send(std::string{row.head} + "\r\n");
        auto lease = get("/");
        EXPECT_EQ(status_of(lease), 204U);
        lease.reset();
        if (row.stays) {
            EXPECT_TRUE(is_reusable());
        } else {
            expect_ended();
        }
    }
}

TEST_F(H1SessionEdgesTest, MayBeDrainedBeforeItRuns) {
    auto pair = test::make_stream_pair(loop);
    disconnect();
    session = make_session(std::move(pair.near));
    session->drain();
    loop.spawn(serve());
    expect_ended();
}

TEST_F(H1SessionEdgesTest, DrainingEndsASessionThatOnlyReadsARemainder) {
    connect().expect_head("GET /").send(ok_head);
    auto lease = get("/");
    EXPECT_EQ(status_of(lease), 200U);
    lease.reset();
    session->drain();
    expect_ended();
}

TEST_F(H1SessionEdgesTest, ARemainderThatTricklesClosesTheConnection) {
    connect().expect_head("GET /").send("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    auto lease = get("/");
    EXPECT_EQ(status_of(lease), 200U);
    lease.reset();
    for (int i = 0; i < 10 && !ended; ++i) {
        origin->send("x");
        loop.advance(200ms);
    }
    expect_ended();
}

// Responses

TEST_F(H1SessionEdgesTest, APieceStaysWhereItIsUntilTheNextIsAskedFor) {
    connect().expect_head("GET /").send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
    auto lease = get("/");
    EXPECT_EQ(status_of(lease), 200U);
    const auto piece = loop.result_of(lease->receive_body());
    EXPECT_FALSE(lease->was_last_piece());
    origin->send("later");
    loop.run();
    EXPECT_EQ(*piece, "first");
    EXPECT_EQ(*loop.result_of(lease->receive_body()), "later");
    EXPECT_TRUE(lease->was_last_piece());
}

TEST_F(H1SessionEdgesTest, AHeadMayBeAsLargeAsItsLimitAndNoLarger) {
    H1SessionLimits small;
    small.head.head_bytes = 40'000;
    const std::string line = "HTTP/1.1 204 No Content\r\nX: ";
    for (const std::size_t beyond : {0U, 1U}) {
        SCOPED_TRACE(beyond);
        const std::string value(small.head.head_bytes + beyond - line.size() - 4, 'x');
        connect(small).expect_head("GET /").send(line + value + "\r\n\r\n");
        auto lease = get("/");
        if (beyond == 0) {
            EXPECT_EQ(status_of(lease), 204U);
        } else {
            EXPECT_EQ(loop.result_of(lease->receive_head()).error().code,
                      Errc::response_head_too_large);
        }
        lease.reset();
    }
}

TEST_F(H1SessionEdgesTest, EachHeadHasTimeOfItsOwn) {
    connect().expect_head("GET /");
    auto lease = get("/");
    for (int i = 0; i < 3; ++i) {
        const auto head = loop.start(lease->receive_head());
        loop.advance(59s);
        origin->send("HTTP/1.1 103 Early Hints\r\n\r\n");
        loop.run();
        EXPECT_TRUE(head.done());
    }
    EXPECT_FALSE(ended);
}

TEST_F(H1SessionEdgesTest, TimeoutsOfZeroAreNone) {
    timeouts = {};
    connect().expect_head("GET /");
    auto lease = get("/");
    const auto head = loop.start(lease->receive_head());
    loop.advance(24h);
    origin->send(ok);
    loop.run();
    EXPECT_TRUE(head.done());
}

TEST_F(H1SessionEdgesTest, AnExchangeMayBeGivenUpAtAnyStage) {
    constexpr Failure overdue{Errc::response_body_timed_out, Side::origin};
    for (int stage = 0; stage < 6; ++stage) {
        SCOPED_TRACE(stage);
        connect();
        auto lease = session->open_stream(timeouts);
        if (stage > 0) {
            ASSERT_TRUE(lease->send_head(test::request("GET", "/"), http::NoBody{}));
        }
        if (stage > 1) loop.run();
        if (stage > 2) origin->expect_head("GET /").send(ok.substr(0, ok.size() - 1));
        if (stage > 3) {
            ASSERT_EQ(status_of(lease), 200U);
        }
        if (stage > 4) {
            ASSERT_TRUE(loop.result_of(lease->receive_body()));
        }
        lease->abandon(overdue);
        loop.run();
        EXPECT_FALSE(loop.result_of(test::read_body(*lease)).has_value());
        EXPECT_FALSE(ended);
        lease.reset();
        expect_ended();
    }
}

// Uploads

TEST_F(H1SessionEdgesTest, ManySmallPiecesWaitForRoomToo) {
    connect({}, 100);
    auto lease = post(http::Chunked{});
    std::size_t taken = 0;
    const std::string piece(1000, 'p');
    for (; taken < 100; ++taken) {
        if (loop.start(lease->send_body(piece)).done()) continue;
        break;
    }
    EXPECT_LT(taken, 100U);
    lease->abandon({Errc::client_gone, Side::client});
    loop.run();
}

TEST_F(H1SessionEdgesTest, AnEarlyResponseThatIsNotClosedIsNotReusedEither) {
    connect().expect_head("POST /").send(ok);
    auto lease = post(http::Chunked{});
    EXPECT_EQ(status_of(lease), 200U);
    EXPECT_EQ(*body_of(lease), "hello");
    lease.reset();
    expect_ended();
}

TEST_F(H1SessionEdgesTest, WhatCameUnaskedIsNoResponseToALargeRequestEither) {
    const Bytes unasked = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    const std::string body(100'000, 'x');
    auto lease = session->open_stream(timeouts);
    origin->stream().try_write({&unasked, 1});
    ASSERT_TRUE(lease->send_head(request("POST"), http::Sized{body.size()}));
    EXPECT_EQ(loop.result_of(lease->send_body(body)).error().code, Errc::stream_refused);
    EXPECT_EQ(reply_of(lease).failure, Errc::stream_refused);
    EXPECT_FALSE(lease->has_response_begun());
}

TEST_F(H1SessionEdgesTest, AFailedWriteDoesNotLoseTheResponseThatIsThere) {
    connect().expect_head("POST /").send(too_large.substr(0, too_large.size() - 1));
    auto lease = post(http::Chunked{});
    const auto head = loop.start(lease->receive_head());
    ASSERT_TRUE(head.done());
    origin->send("o").close();
    loop.run();
    // Nobody has asked for the last octet when writing fails.
    EXPECT_EQ(*loop.result_of(lease->receive_body()), "n");
    EXPECT_EQ(*loop.result_of(lease->receive_body()), "o");
    EXPECT_TRUE(loop.result_of(lease->send_body(std::string(100'000, 'x'))));
    EXPECT_TRUE(loop.result_of(lease->send_body("x")));
    EXPECT_TRUE(loop.result_of(lease->finish_body({}, {})));
    lease.reset();
    expect_ended();
}

TEST_F(H1SessionEdgesTest, AHeadThatWasReadOutlivesAFailedWrite) {
    connect({}, 1000).expect_head("POST /");
    auto lease = post(http::Chunked{});
    origin->send(std::string{"HTTP/1.1 103 Early Hints\r\n\r\n"} + std::string{too_large});
    EXPECT_EQ(status_of(lease), 103U);  // the rest came with it
    origin->reset();
    loop.run();
    EXPECT_TRUE(loop.result_of(lease->send_body("x")));
    loop.run();
    EXPECT_EQ(status_of(lease), 413U);
    EXPECT_EQ(*body_of(lease), "no");
}

}  // namespace
}  // namespace nikawa::origin
