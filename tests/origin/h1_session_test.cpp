#include "nikawa/origin/h1_session.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/scripted_peer.hpp"
#include "support/test_loop.hpp"

namespace nikawa::origin {
namespace {

using namespace std::chrono_literals;

constexpr Failure given_up{Errc::client_gone, Side::client};

http::RequestHead request(std::string_view method, std::string_view target = "/") {
    http::RequestHead head;
    head.method = method;
    head.target = target;
    head.fields.add("Host", "api.example.com");
    return head;
}

/// What a response came to: its final head's status and its body, or the failure.
struct Reply {
    unsigned status = 0;
    std::string body;
    std::optional<Errc> failure;

    friend bool operator==(const Reply&, const Reply&) = default;
    friend void PrintTo(const Reply& reply, std::ostream* out) {
        *out << reply.status << ' ' << testing::PrintToString(reply.body);
        if (reply.failure) *out << ", then " << name_of(*reply.failure);
    }
};

Task<Reply> read_reply(OriginStream& stream) {
    Reply reply;
    while (reply.status < 200) {
        const auto head = co_await stream.receive_head();
        if (!head) {
            reply.failure = head.error().code;
            co_return reply;
        }
        reply.status = (*head)->status;
    }
    for (;;) {
        const auto piece = co_await stream.receive_body();
        if (!piece) reply.failure = piece.error().code;
        if (!piece || piece->empty()) co_return reply;
        reply.body.append(*piece);
    }
}

class H1SessionTest : public testing::Test, protected SessionListener {
protected:
    void capacity_changed(OriginSession&) noexcept override { ++told; }

    void SetUp() override { connect(); }

    void connect(H1SessionLimits wanted = {}, std::size_t wire_capacity = 64 * 1024) {
        disconnect();
        limits = wanted;
        auto pair = test::make_stream_pair(loop, {.capacity = wire_capacity});
        wire = pair.near.get();
        origin = std::make_unique<test::ScriptedPeer>(loop, std::move(pair.far));
        session = std::make_unique<H1Session>(
            loop, net::Dialled{std::move(pair.near), net::Protocol::http_1_1, {}}, limits);
        ended = false;
        loop.spawn(serve());
        loop.run();
    }

    Task<void> serve() {
        co_await session->run(*this);
        ended = true;
    }

    void disconnect() {
        if (!session) return;
        session->close({Errc::pool_closed, Side::self});
        loop.run();
        EXPECT_TRUE(ended);
        session.reset();
        origin.reset();
    }

    void TearDown() override { disconnect(); }

    StreamLease begin(const http::RequestHead& head, http::BodyFraming framing = http::NoBody{}) {
        auto lease = session->open_stream(timeouts);
        EXPECT_TRUE(lease->send_head(head, framing));
        loop.run();
        return lease;
    }

    StreamLease get(std::string_view target = "/") { return begin(request("GET", target)); }

    Reply reply_of(StreamLease& lease) { return loop.result_of(read_reply(*lease)); }

    /// One whole exchange; gives the stream back.
    Reply exchange(std::string_view response, std::string_view method = "GET") {
        origin->expect_head(method).send(response);
        auto lease = begin(request(method));
        return reply_of(lease);
    }

    /// Whether the session takes another exchange, proven by one.
    bool is_reusable() {
        loop.run();
        if (session->capacity() == 0) {
            EXPECT_TRUE(session->is_retired());
            return false;
        }
        EXPECT_EQ(exchange("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain"),
                  (Reply{200, "again", {}}));
        return true;
    }

    test::TestLoop loop;
    H1SessionLimits limits;
    StreamTimeouts timeouts{.response_head = 60s, .response_body = 30s, .write = 20s};
    test::MemoryStream* wire = nullptr;  // the session's end
    std::unique_ptr<test::ScriptedPeer> origin;
    std::unique_ptr<H1Session> session;
    bool ended = true;
    int told = 0;
};

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

TEST_F(H1SessionTest, BearsOnlySoManyInterimHeads) {
    connect({.head = {}, .interim_heads = 2});
    const std::string interim = "HTTP/1.1 102 Processing\r\n\r\n";
    EXPECT_EQ(exchange(interim + interim + "HTTP/1.1 204 No Content\r\n\r\n").status, 204U);
    EXPECT_EQ(exchange(interim + interim + interim).failure, Errc::malformed);
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

// Uploads

TEST_F(H1SessionTest, SendsASmallBodyWithItsHeadInOneWrite) {
    auto lease = session->open_stream(timeouts);
    ASSERT_TRUE(lease->send_head(request("POST"), http::Sized{5}));
    ASSERT_TRUE(loop.result_of(lease->send_body("hello")));
    ASSERT_TRUE(loop.result_of(lease->finish_body({})));
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
    ASSERT_TRUE(loop.result_of(lease->finish_body(trailers)));
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
    ASSERT_TRUE(loop.result_of(lease->finish_body({})));
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
        ASSERT_TRUE(loop.result_of(lease->finish_body({})));
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
    EXPECT_EQ(loop.result_of(lease->finish_body({})).error().code, Errc::bad_framing);
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
    EXPECT_TRUE(loop.result_of(lease->finish_body({})));
    lease.reset();
    EXPECT_FALSE(is_reusable()) << "the origin may still wait for the rest";
}

TEST_F(H1SessionTest, StreamsBothWaysAtOnce) {
    auto lease = begin(request("POST"), http::Chunked{});
    origin->expect_head("POST").send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const auto reply = loop.start(read_reply(*lease));
    ASSERT_TRUE(loop.result_of(lease->send_body("ping")));
    origin->expect("4\r\nping\r\n").send("4\r\npong\r\n");
    loop.run();
    ASSERT_TRUE(loop.result_of(lease->finish_body({})));
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
    ASSERT_TRUE(loop.result_of(lease->finish_body({})));
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
