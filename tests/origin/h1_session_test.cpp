#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "origin/h1_fixture.hpp"

namespace nikawa::origin {
namespace {

// The way of an exchange

TEST_F(H1SessionTest, NeedsOneWriteAndOneReadForAnExchange) {
    for (int i = 0; i < 3; ++i) {
        const auto writes = wire->writes();
        const auto reads = wire->reads();
        origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        auto lease = session->open_stream(timeouts);
        ASSERT_TRUE(lease->send_head(request("GET"), http::NoBody{}));
        EXPECT_EQ(reply_of(lease), (Reply{200, "hello", {}}));
        EXPECT_EQ(wire->writes() - writes, 1U);
        EXPECT_EQ(wire->reads() - reads, 1U);
    }
}

TEST_F(H1SessionTest, SendsTheHeadAsItStands) {
    auto head = request("GET", "/a?b=%20c");
    head.fields.add("X-One", "1");
    auto lease = begin(head);
    EXPECT_EQ(origin->received(),
              "GET /a?b=%20c HTTP/1.1\r\nHost: api.example.com\r\nX-One: 1\r\n\r\n");
}

TEST_F(H1SessionTest, IsBusyDuringAnExchangeAndTellsWhenItIsIdleAgain) {
    EXPECT_EQ(session->capacity(), 1U);
    {
        auto lease = get();
        EXPECT_EQ(session->capacity(), 0U);
        EXPECT_EQ(session->streams(), 1U);
        origin->expect_head("GET").send("HTTP/1.1 204 No Content\r\n\r\n");
        loop.advance(3s);
        EXPECT_EQ(reply_of(lease).status, 204U);
        EXPECT_EQ(told, 0);
    }
    EXPECT_EQ(told, 1);
    EXPECT_EQ(session->capacity(), 1U);
    EXPECT_EQ(session->idle_since(), loop.now());
    loop.advance(10s);  // past the time that buffers are kept
    EXPECT_TRUE(is_reusable());
}

TEST_F(H1SessionTest, IsIdleAgainWhenALeaseWasNeverUsed) {
    session->open_stream(timeouts).reset();
    {
        auto lease = session->open_stream(timeouts);
        ASSERT_TRUE(lease->send_head(request("POST"), http::NoBody{}));
    }
    EXPECT_TRUE(is_reusable());
    EXPECT_EQ(origin->received(), "");
}

// Responses, RFC 9112 §6.3

struct Message {
    std::string_view method;
    std::string_view bytes;
    Reply reply;
    bool reusable;
};

const Message messages[] = {
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", {200, "hello", {}}, true},
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {200, "", {}}, true},
    {"GET",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
     {200, "hello", {}},
     true},
    {"GET",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 5d41\r\n\r\n",
     {200, "hello", {}},
     true},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {200, "", {}}, true},
    {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {200, "", {}}, true},
    {"GET", "HTTP/1.1 204 No Content\r\n\r\n", {204, "", {}}, true},
    {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", {304, "", {}}, true},
    {"GET",
     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
     {200, "x", {}},
     true},
    // Persistence, RFC 9112 §9.3
    {"GET",
     "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\nx",
     {200, "x", {}},
     false},
    {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", {200, "x", {}}, false},
    {"GET",
     "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx",
     {200, "x", {}},
     true},
    // Bytes after the end
    {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx", {204, "", {}}, false},
    {"GET",
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n",
     {200, "x", {}},
     false},
    // What is no response that we could pass on
    {"GET", "HTTP/2 200\r\n\r\n", {0, "", Errc::malformed}, false},
    {"GET", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", {0, "", Errc::malformed}, false},
    {"GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", {0, "", Errc::malformed}, false},
    {"GET",
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {0, "", Errc::malformed},
     false},
};

TEST_F(H1SessionTest, ReadsEachFramingAndKnowsWhatItLeavesBehind) {
    for (const Message& message : messages) {
        SCOPED_TRACE(message.bytes);
        connect();
        EXPECT_EQ(exchange(message.bytes, message.method), message.reply);
        EXPECT_EQ(is_reusable(), message.reusable);
    }
}

TEST_F(H1SessionTest, ReadsEachFramingByteByByte) {
    for (const Message& message : messages) {
        SCOPED_TRACE(message.bytes);
        connect();
        wire->limit_read(1);
        EXPECT_EQ(exchange(message.bytes, message.method), message.reply);
        EXPECT_EQ(is_reusable(), message.reusable);
    }
}

TEST_F(H1SessionTest, ReadsEachFramingInTwoHalvesWhereverTheyAreCut) {
    for (const Message& message : messages) {
        if (!message.reusable) continue;  // nothing arrives after a failure
        for (std::size_t cut = 1; cut < message.bytes.size(); ++cut) {
            SCOPED_TRACE(std::string{message.bytes.substr(0, cut)});
            connect();
            origin->expect_head(message.method).send(message.bytes.substr(0, cut));
            auto lease = begin(request(message.method));
            const auto reply = loop.start(read_reply(*lease));
            origin->send(message.bytes.substr(cut));
            loop.run();
            ASSERT_TRUE(reply.done());
            EXPECT_EQ(reply.value(), message.reply);
            lease.reset();
            EXPECT_TRUE(is_reusable());
        }
    }
}

TEST_F(H1SessionTest, GivesInterimHeadsOneByOneAndThenTheFinalOne) {
    origin->expect_head("GET").send(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
    auto lease = get();
    EXPECT_EQ((*loop.result_of(lease->receive_head()))->status, 100U);
    const auto* hints = *loop.result_of(lease->receive_head());
    EXPECT_EQ(hints->status, 103U);
    EXPECT_EQ(hints->fields.find("Link"), "</a>");
    const auto* final_head = *loop.result_of(lease->receive_head());
    EXPECT_EQ(final_head->status, 200U);
    EXPECT_EQ(final_head->reason, "Fine");
    EXPECT_TRUE(lease->was_last_piece());
}

TEST_F(H1SessionTest, BearsOnlySoManyInterimHeadsAtOnce) {
    connect({.head = {}, .interim_heads = 2});
    const std::string interim = "HTTP/1.1 102 Processing\r\n\r\n";
    EXPECT_EQ(exchange(interim + interim + "HTTP/1.1 204 No Content\r\n\r\n").status, 204U);
    EXPECT_EQ(exchange(interim + interim + interim).failure, Errc::malformed);
}

TEST_F(H1SessionTest, TakesInterimHeadsForHoursAsASignOfLife) {
    auto lease = get();
    origin->expect_head("GET");
    for (int i = 0; i < 3000; ++i) {
        const auto head = loop.start(lease->receive_head());
        loop.advance(59s);
        ASSERT_FALSE(head.done()) << i;
        origin->send("HTTP/1.1 102 Processing\r\n\r\n");
        loop.run();
        ASSERT_TRUE(head.done());
        ASSERT_TRUE(head.value()) << i;
    }
    origin->send("HTTP/1.1 204 No Content\r\n\r\n");
    loop.run();
    EXPECT_EQ(reply_of(lease).status, 204U);
}

TEST_F(H1SessionTest, RefusesAHeadBeyondItsLimit) {
    connect({.head = {.head_bytes = 40'000}});
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ";
    EXPECT_EQ(exchange(head + std::string(39'000, 'x') + "\r\n\r\n").status, 200U);
    EXPECT_EQ(exchange(head + std::string(41'000, 'x')).failure, Errc::response_head_too_large);
}

TEST_F(H1SessionTest, GivesTheTrailers) {
    origin->expect_head("GET").send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 5d41\r\n\r\n");
    auto lease = get();
    EXPECT_EQ(reply_of(lease).body, "x");
    EXPECT_EQ(lease->response_trailers().find("x-sum"), "5d41");
}

TEST_F(H1SessionTest, KnowsTheLastPieceWhenItHasSeenTheEnd) {
    origin->expect_head("GET").send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    auto lease = get();
    ASSERT_TRUE(loop.result_of(lease->receive_head()));
    EXPECT_EQ(*loop.result_of(lease->receive_body()), "a");
    EXPECT_FALSE(lease->was_last_piece());
    EXPECT_EQ(*loop.result_of(lease->receive_body()), "b");
    EXPECT_TRUE(lease->was_last_piece());
}

TEST_F(H1SessionTest, HasNoBodyReadyWhileOnlyAPartOfTheFramingIsThere) {
    origin->expect_head("GET").send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1");
    auto lease = get();
    ASSERT_TRUE(loop.result_of(lease->receive_head()));
    EXPECT_TRUE(lease->has_body_ready());
    EXPECT_EQ(*loop.result_of(lease->receive_body()), "a");
    EXPECT_FALSE(lease->has_body_ready());
    const auto piece = loop.start(lease->receive_body());
    EXPECT_FALSE(piece.done());
    origin->send("\r\nb");
    loop.run();
    ASSERT_TRUE(piece.done());
    EXPECT_EQ(*piece.value(), "b");
}

TEST_F(H1SessionTest, LeavesWithTheOriginWhatItsHolderDoesNotTake) {
    origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" +
                                    std::string(1024 * 1024, 'x'));
    auto lease = get();
    ASSERT_TRUE(loop.result_of(lease->receive_head()));
    ASSERT_TRUE(loop.result_of(lease->receive_body()));
    const auto reads = wire->reads();
    loop.run();
    EXPECT_LE(wire->reads(), reads);
    EXPECT_FALSE(origin->finished());
    lease.reset();
    origin->stream().close();  // the script cannot end
}

TEST_F(H1SessionTest, PassesALargeBodyWhole) {
    const std::string body(1024 * 1024, 'x');
    EXPECT_EQ(exchange("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + body).body, body);
    EXPECT_TRUE(is_reusable());
}

TEST_F(H1SessionTest, TakesAnOrderlyEndForTheEndOfABodyThatLastsUntilThen) {
    origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nhello").end();
    auto lease = get();
    EXPECT_EQ(reply_of(lease), (Reply{200, "hello", {}}));
    EXPECT_TRUE(std::holds_alternative<http::UntilClose>(lease->response_framing()));
    lease.reset();
    EXPECT_FALSE(is_reusable());
}

TEST_F(H1SessionTest, TakesAResetForATruncation) {
    origin->expect_head("GET").send("HTTP/1.1 200 OK\r\n\r\nhello");
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    origin->reset();
    loop.run();
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value(), (Reply{200, "hello", Errc::peer_closed}));
}

TEST_F(H1SessionTest, TakesAnEarlyEndForATruncation) {
    for (const std::string_view broken :
         {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"}) {
        SCOPED_TRACE(broken);
        connect();
        origin->expect_head("GET").send(broken).end();
        auto lease = get();
        EXPECT_EQ(reply_of(lease), (Reply{200, "hello", Errc::peer_closed}));
    }
}

TEST_F(H1SessionTest, GivesWhatCameBeforeBrokenFraming) {
    EXPECT_EQ(exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n"),
              (Reply{200, "hello", Errc::malformed}));
    EXPECT_FALSE(is_reusable());
}

// Ends

TEST_F(H1SessionTest, SaysWhetherAResponseHadBegunWhenTheOriginCloses) {
    for (const std::string_view begun : {"", "H", "HTTP/1.1 200 OK\r\nContent-Le"}) {
        SCOPED_TRACE(begun);
        connect();
        origin->expect_head("GET").send(begun).close();
        auto lease = get();
        EXPECT_EQ(reply_of(lease).failure, Errc::peer_closed);
        EXPECT_EQ(lease->has_response_begun(), !begun.empty());
        EXPECT_FALSE(ended) << "it outlives its stream";
        lease.reset();
        loop.run();
        EXPECT_TRUE(ended);
    }
}

TEST_F(H1SessionTest, RetiresWhenTheOriginClosesWhileItIsIdle) {
    ASSERT_TRUE(is_reusable());
    const int told_before = told;
    origin->close();
    loop.run();
    EXPECT_TRUE(session->is_retired());
    EXPECT_EQ(session->capacity(), 0U);
    EXPECT_EQ(told - told_before, 1);
    EXPECT_TRUE(ended);
}

TEST_F(H1SessionTest, RetiresOnBytesThatNobodyAskedFor) {
    origin->send("HTTP/1.1 408 Request Timeout\r\n\r\n").expect_reset();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H1SessionTest, RetiresOnBytesThatFollowedWhileTheStreamWasHeld) {
    origin->expect_head("GET").send("HTTP/1.1 204 No Content\r\n\r\n");
    auto lease = get();
    EXPECT_EQ(reply_of(lease).status, 204U);
    origin->send("surplus");
    loop.run();
    lease.reset();
    EXPECT_EQ(session->capacity(), 0U);
}

TEST_F(H1SessionTest, NeverTakesWhatCameBeforeARequestForItsResponse) {
    const Bytes unasked = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    auto lease = session->open_stream(timeouts);
    origin->stream().try_write({&unasked, 1});
    ASSERT_TRUE(lease->send_head(request("POST"), http::NoBody{}));
    EXPECT_EQ(reply_of(lease).failure, Errc::stream_refused);
    EXPECT_FALSE(lease->has_response_begun());
}

TEST_F(H1SessionTest, RefusesARequestOfWhichNothingHasLeft) {
    auto lease = session->open_stream(timeouts);
    origin->stream().close();
    ASSERT_TRUE(lease->send_head(request("POST"), http::NoBody{}));
    EXPECT_EQ(reply_of(lease).failure, Errc::stream_refused);
}

TEST_F(H1SessionTest, DrainsWhenItsExchangeHasEnded) {
    origin->expect_head("GET").send("HTTP/1.1 204 No Content\r\n\r\n").expect_end();
    auto lease = get();
    session->drain();
    EXPECT_TRUE(session->is_retired());
    EXPECT_EQ(reply_of(lease).status, 204U);
    EXPECT_FALSE(ended);
    lease.reset();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H1SessionTest, DrainsAtOnceWhenItIsIdle) {
    origin->expect_end();
    session->drain();
    EXPECT_EQ(session->capacity(), 0U);
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H1SessionTest, FailsItsStreamWhenItIsClosed) {
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    session->close({Errc::pool_closed, Side::self});
    loop.run();
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value().failure, Errc::pool_closed);
    EXPECT_EQ(loop.result_of(lease->send_body("x")).error().code, Errc::pool_closed);
}

// Giving up

TEST_F(H1SessionTest, WakesWhoWaitsForTheHeadWhenItIsAbandoned) {
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    lease->abandon(given_up);
    lease->abandon({Errc::malformed, Side::origin});
    loop.run();
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value().failure, Errc::client_gone);
    lease.reset();
    EXPECT_FALSE(is_reusable());
}

TEST_F(H1SessionTest, WakesWhoWaitsForTheBodyWhenItIsAbandoned) {
    origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    auto lease = get();
    const auto reply = loop.start(read_reply(*lease));
    lease->abandon(given_up);
    loop.run();
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.value(), (Reply{200, "hello", Errc::client_gone}));
}

TEST_F(H1SessionTest, KeepsTheConnectionWhenTheExchangeWasOverBeforeItWasAbandoned) {
    origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    auto lease = get();
    EXPECT_EQ(reply_of(lease).body, "hello");
    lease->abandon(given_up);
    lease.reset();
    EXPECT_TRUE(is_reusable());
}

TEST_F(H1SessionTest, ClosesWhenItIsReleasedBeforeTheResponse) {
    get().reset();
    EXPECT_FALSE(is_reusable());
}

TEST_F(H1SessionTest, ReadsAwayALittleRestAndIsIdleAgain) {
    origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\nhello");
    auto lease = get();
    ASSERT_TRUE(loop.result_of(lease->receive_head()));
    lease.reset();
    loop.run();
    EXPECT_EQ(session->capacity(), 0U);
    EXPECT_EQ(session->streams(), 0U);
    const int told_before = told;
    origin->send(std::string(59'995, 'x'));
    loop.run();
    EXPECT_EQ(told - told_before, 1);
    EXPECT_TRUE(is_reusable());
}

TEST_F(H1SessionTest, ReadsAwayWhatIsThereOfAChunkedRest) {
    origin->expect_head("GET").send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    auto lease = get();
    ASSERT_TRUE(loop.result_of(lease->receive_head()));
    lease.reset();
    EXPECT_TRUE(is_reusable());
}

TEST_F(H1SessionTest, ClosesWhenTheRestIsMuchOrUnknownOrBroken) {
    for (const std::string_view response :
         {"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nx\r\n",
          "HTTP/1.1 200 OK\r\n\r\nuntil the end",
          "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello",
          "HTTP/1.1 103 Early Hints\r\n\r\n"}) {
        SCOPED_TRACE(response);
        connect();
        origin->expect_head("GET").send(response);
        auto lease = get();
        ASSERT_TRUE(loop.result_of(lease->receive_head()));
        lease.reset();
        EXPECT_FALSE(is_reusable());
    }
}

TEST_F(H1SessionTest, ClosesWhenTheRestDoesNotComeInTime) {
    origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    auto lease = get();
    ASSERT_TRUE(loop.result_of(lease->receive_head()));
    lease.reset();
    loop.advance(limits.drain_time - 1ms);
    EXPECT_FALSE(session->is_retired());
    loop.advance(1ms);
    EXPECT_TRUE(ended);
}

TEST_F(H1SessionTest, ClosesWhenTheRestBreaksOffOrIsFollowedByMore) {
    for (const std::string_view rest : {"", "worlds"}) {
        connect();
        origin->expect_head("GET").send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        auto lease = get();
        ASSERT_TRUE(loop.result_of(lease->receive_head()));
        lease.reset();
        origin->send(rest).end();
        EXPECT_FALSE(is_reusable());
    }
}

}  // namespace
}  // namespace nikawa::origin
