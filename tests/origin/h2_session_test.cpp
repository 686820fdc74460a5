#include "nikawa/origin/h2_session.hpp"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/h2_origin.hpp"
#include "support/test_loop.hpp"

namespace nikawa::origin {
namespace {

using namespace std::chrono_literals;
using test::Fields;
using test::H2Origin;

http::RequestHead request(std::string_view method, std::string_view target) {
    http::RequestHead head;
    head.method = method;
    head.target = target;
    head.fields.add("Host", "api.example.com");
    return head;
}

Task<Result<std::string>> read_body(OriginStream& stream) {
    std::string body;
    for (;;) {
        const auto piece = co_await stream.receive_body();
        if (!piece) co_return piece.error();
        if (piece->empty()) co_return body;
        body.append(*piece);
    }
}

class H2SessionTest : public testing::Test, protected SessionListener {
protected:
    void capacity_changed(OriginSession&) noexcept override { ++told; }

    void connect(H2Origin::Settings settings = {}, H2Limits wanted = {}) {
        limits = wanted;
        auto pair = test::make_stream_pair(loop);
        origin = std::make_unique<H2Origin>(loop, std::move(pair.far), settings);
        session = std::make_unique<H2Session>(
            loop, net::Dialled{std::move(pair.near), net::Protocol::http_2, {}}, limits, scratch);
        ended = false;
        loop.spawn(serve());
        loop.run();
    }

    Task<void> serve() {
        co_await session->run(*this);
        ended = true;
    }

    StreamLease send(const http::RequestHead& head, http::BodyFraming framing = http::NoBody{}) {
        auto lease = session->open_stream(timeouts);
        EXPECT_TRUE(lease->send_head(head, framing));
        loop.run();
        return lease;
    }

    StreamLease get(std::string_view target) { return send(request("GET", target)); }

    unsigned status_of(StreamLease& lease) {
        const auto head = loop.result_of(lease->receive_head());
        return head ? (*head)->status : 0;
    }

    void TearDown() override {
        if (session) session->close({Errc::pool_closed, Side::self});
        loop.run();
        EXPECT_TRUE(ended);
    }

    test::TestLoop loop;
    H2Limits limits;
    StreamTimeouts timeouts{.response_head = 60s, .response_body = 30s, .write = 20s};
    std::array<char, 16384> scratch;
    std::unique_ptr<H2Origin> origin;
    std::unique_ptr<H2Session> session;
    bool ended = false;
    int told = 0;
};

TEST_F(H2SessionTest, SendsTheRequestWithoutWaitingForThePeersSettings) {
    connect({.send_settings_first = false});
    auto lease = get("/a?b=c");
    const auto& request = origin->requests().at(1);
    EXPECT_EQ(request.fields,
              (Fields{{":method", "GET"},
                      {":scheme", "https"},
                      {":authority", "api.example.com"},
                      {":path", "/a?b=c"}}));
    EXPECT_TRUE(request.ended);
    EXPECT_EQ(session->max_streams(), 100U);
}

TEST_F(H2SessionTest, KeepsFieldOrderAndRepetitionInLowerCase) {
    connect();
    auto head = request("GET", "/");
    head.fields.add("X-One", "1");
    head.fields.add("Accept", "a");
    head.fields.add("X-One", "2");
    auto lease = send(head);
    const auto& fields = origin->requests().at(1).fields;
    EXPECT_EQ(Fields(fields.begin() + 4, fields.end()),
              (Fields{{"x-one", "1"}, {"accept", "a"}, {"x-one", "2"}}));
}

TEST_F(H2SessionTest, RequestsOfOneTurnLeaveInOneWrite) {
    connect();
    auto& wire = origin->stream();
    std::vector<StreamLease> leases;
    const auto reads = wire.reads();
    for (int i = 0; i < 10; ++i) {
        leases.push_back(session->open_stream(timeouts));
        ASSERT_TRUE(leases.back()->send_head(request("GET", "/"), http::NoBody{}));
    }
    loop.run();
    EXPECT_EQ(origin->requests().size(), 10U);
    EXPECT_LE(wire.reads() - reads, 2U);  // one that found them all, one that found nothing
}

TEST_F(H2SessionTest, GivesHeadBodyAndTrailers) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}, {"x-a", "1"}, {"x-a", "2"}}, false);
    origin->send_body(1, "hello", true, {{"x-sum", "5d41"}});
    loop.run();
    const auto head = loop.result_of(lease->receive_head());
    ASSERT_TRUE(head);
    EXPECT_EQ((*head)->status, 200U);
    ASSERT_EQ((*head)->fields.size(), 2U);
    EXPECT_EQ((*head)->fields[1].value, "2");
    EXPECT_TRUE(std::holds_alternative<http::Chunked>(lease->response_framing()));
    EXPECT_EQ(*loop.result_of(read_body(*lease)), "hello");
    EXPECT_EQ(lease->response_trailers().find("x-sum"), "5d41");
}

TEST_F(H2SessionTest, KnowsALastPieceWithoutWaiting) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}}, false);
    origin->send_body(1, "whole", true);
    loop.run();
    ASSERT_EQ(status_of(lease), 200U);
    ASSERT_EQ(*loop.result_of(lease->receive_body()), "whole");
    EXPECT_TRUE(lease->was_last_piece());
}

TEST_F(H2SessionTest, AHeadThatEndsTheStreamHasAnEmptyBody) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}}, true);
    loop.run();
    ASSERT_EQ(status_of(lease), 200U);
    EXPECT_EQ(lease->response_framing(), http::BodyFraming{http::Sized{0}});
}

TEST_F(H2SessionTest, AResponseToHeadHasNoBodyWhateverItsLength) {
    connect();
    auto lease = send(request("HEAD", "/"));
    origin->send_head(1, {{":status", "200"}, {"content-length", "5"}}, true);
    loop.run();
    ASSERT_EQ(status_of(lease), 200U);
    EXPECT_EQ(lease->response_framing(), http::BodyFraming{http::NoBody{}});
}

TEST_F(H2SessionTest, GivesInterimHeadsBeforeTheFinalOne) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "103"}, {"link", "</a.css>"}}, false);
    origin->send_head(1, {{":status", "103"}, {"link", "</b.css>"}}, false);
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(status_of(lease), 103U);
    const auto second = loop.result_of(lease->receive_head());
    EXPECT_EQ((*second)->fields.find("link"), "</b.css>");
    EXPECT_EQ(status_of(lease), 200U);
}

TEST_F(H2SessionTest, EndlessInterimHeadsEndTheStreamAlone) {
    connect();
    auto lease = get("/");
    auto sibling = get("/sibling");
    for (int i = 0; i < 40; ++i) origin->send_head(1, {{":status", "103"}}, false);
    origin->reply(3, "200", "x");
    loop.run();
    for (int i = 0; i < 32; ++i) EXPECT_EQ(status_of(lease), 103U);
    EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, Errc::malformed);
    EXPECT_EQ(status_of(sibling), 200U);
}

TEST_F(H2SessionTest, SendsABodyOfKnownSizeWithItsEnd) {
    connect();
    auto lease = send(request("POST", "/"), http::Sized{5});
    const auto sent = loop.start(lease->send_body("hello"));
    ASSERT_TRUE(sent.done());
    EXPECT_TRUE(sent.value());
    loop.run();
    EXPECT_EQ(origin->requests().at(1).body, "hello");
    EXPECT_TRUE(origin->requests().at(1).ended);
    EXPECT_TRUE(loop.result_of(lease->finish_body({})));
}

TEST_F(H2SessionTest, SendsTrailers) {
    connect();
    auto lease = send(request("POST", "/"), http::Chunked{});
    http::FieldBlock trailers;
    trailers.add("X-Sum", "1");
    ASSERT_TRUE(loop.result_of(lease->send_body("hello")));
    ASSERT_TRUE(loop.result_of(lease->finish_body(trailers)));
    loop.run();
    EXPECT_EQ(origin->requests().at(1).trailers, (Fields{{"x-sum", "1"}}));
    EXPECT_TRUE(origin->requests().at(1).ended);
}

TEST_F(H2SessionTest, AFullWindowHoldsTheSenderUntilThePeerGivesRoom) {
    connect({.window = 1000});
    auto lease = send(request("POST", "/"), http::Sized{5000});
    const std::string body(5000, 'b');
    const auto sent = loop.start(lease->send_body(body));
    loop.run();
    // The peer's library gives its window back by itself, half a window at a time.
    ASSERT_TRUE(sent.done());
    EXPECT_EQ(origin->requests().at(1).body, body);
}

TEST_F(H2SessionTest, ABodyThatDoesNotKeepToItsLengthIsRefused) {
    connect();
    auto lease = send(request("POST", "/"), http::Sized{5});
    EXPECT_EQ(loop.result_of(lease->send_body("too long")).error().code, Errc::bad_framing);
    EXPECT_EQ(loop.result_of(lease->finish_body({})).error().code, Errc::bad_framing);
}

TEST_F(H2SessionTest, ASlowReaderHoldsOneWindowAndNotItsSiblings) {
    H2Limits small_window;
    small_window.stream_window = 100'000;
    connect({}, small_window);
    auto slow = get("/slow");
    auto quick = get("/quick");
    const std::string large(1'000'000, 's');
    origin->send_head(1, {{":status", "200"}}, false);
    origin->send_body(1, large, true);
    loop.run();
    EXPECT_EQ(origin->held_back(), 900'000U);
    for (std::int32_t id = 3; id < 60; id += 2) {
        origin->reply(id, "200", std::string(50'000, 'q'));
        loop.run();
        ASSERT_EQ(status_of(quick), 200U);
        ASSERT_EQ(loop.result_of(read_body(*quick))->size(), 50'000U);
        quick = get("/quick");
    }
    ASSERT_EQ(status_of(slow), 200U);
    EXPECT_EQ(*loop.result_of(read_body(*slow)), large);  // and nothing of it was lost
}

TEST_F(H2SessionTest, CapacityFollowsThePeersLimit) {
    connect({.max_streams = 2});
    EXPECT_EQ(session->capacity(), 2U);
    auto one = get("/1");
    auto two = get("/2");
    EXPECT_EQ(session->capacity(), 0U);
    origin->reply(1, "204", "");
    loop.run();
    EXPECT_EQ(session->capacity(), 1U);  // though its holder has not let go
    origin->send_settings(50);
    loop.run();
    EXPECT_EQ(session->capacity(), 49U);
    EXPECT_GT(told, 0);
}

TEST_F(H2SessionTest, ReleasingAnUnfinishedStreamResetsIt) {
    connect();
    auto lease = get("/");
    lease.reset();
    loop.run();
    EXPECT_EQ(origin->requests().at(1).reset_with, NGHTTP2_CANCEL);
    EXPECT_EQ(session->streams(), 0U);
    EXPECT_FALSE(session->is_retired());
}

TEST_F(H2SessionTest, AStreamReleasedBeforeItsHeadLeftIsNeverSeen) {
    connect();
    {
        auto lease = session->open_stream(timeouts);
        ASSERT_TRUE(lease->send_head(request("GET", "/"), http::NoBody{}));
    }
    loop.run();
    EXPECT_TRUE(origin->requests().empty());
    EXPECT_EQ(session->streams(), 0U);
}

TEST_F(H2SessionTest, AStreamNeverUsedGivesItsPlaceBack) {
    connect();
    { auto lease = session->open_stream(timeouts); }
    EXPECT_EQ(session->streams(), 0U);
}

TEST_F(H2SessionTest, GoAwayRefusesWhatIsAboveItsLastStreamAndKeepsTheRest) {
    connect();
    auto first = get("/1");
    auto second = get("/2");
    origin->go_away(1);
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(loop.result_of(second->receive_head()).error(),
              (Failure{Errc::stream_refused, Side::origin}));
    EXPECT_EQ(status_of(first), 200U);
    EXPECT_EQ(*loop.result_of(read_body(*first)), "x");
    EXPECT_TRUE(session->is_retired());
    first.reset();
    second.reset();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2SessionTest, AShutdownNoticeRetiresTheSessionAndRefusesNothing) {
    connect();
    auto lease = get("/");
    origin->go_away(0x7fffffff);
    loop.run();
    EXPECT_EQ(session->capacity(), 0U);
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
}

TEST_F(H2SessionTest, GoAwayOnAnIdleSessionEndsIt) {
    connect();
    origin->go_away(0);
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2SessionTest, ResetsByThePeerAreToldApart) {
    const struct {
        std::uint32_t code;
        Errc expected;
    } rows[] = {{NGHTTP2_REFUSED_STREAM, Errc::stream_refused},
                {NGHTTP2_INTERNAL_ERROR, Errc::stream_reset},
                {NGHTTP2_CANCEL, Errc::stream_reset},
                {NGHTTP2_NO_ERROR, Errc::stream_reset}};
    connect();
    std::int32_t id = 1;
    for (const auto& row : rows) {
        SCOPED_TRACE(row.code);
        auto lease = get("/");
        origin->reset(id, row.code);
        loop.run();
        EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, row.expected);
        id += 2;
    }
    EXPECT_FALSE(session->is_retired());
}

TEST_F(H2SessionTest, AnOriginMayAnswerAndStopReading) {  // RFC 9113 §8.1
    connect({.window = 100});
    auto lease = send(request("POST", "/"), http::Chunked{});
    origin->reply(1, "413", "no");
    loop.run();
    origin->reset(1, NGHTTP2_NO_ERROR);
    loop.run();
    EXPECT_EQ(status_of(lease), 413U);
    EXPECT_EQ(*loop.result_of(read_body(*lease)), "no");
    EXPECT_TRUE(loop.result_of(lease->send_body(std::string(500, 'x'))));
}

TEST_F(H2SessionTest, AResponseThatBreaksOffIsNotWhole) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}}, false);
    origin->send_body(1, "half", false);
    loop.run();
    origin->close();
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
    EXPECT_EQ(*loop.result_of(lease->receive_body()), "half");
    EXPECT_EQ(loop.result_of(lease->receive_body()).error().code, Errc::peer_closed);
}

TEST_F(H2SessionTest, MalformedResponsesResetTheirStreamAlone) {
    const Fields bad_heads[] = {
        {{":status", "200"}, {"x-bad", "a\nb"}},
        {{":status", "200"}, {"bad name", "x"}},
        {{":status", "200"}, {"connection", "close"}},
        {{":status", "200"}, {"transfer-encoding", "chunked"}},
        {{":status", "200"}, {":status", "200"}},
        {{":status", "2000"}},
        {{"x-no", "status"}},
        {{":status", "101"}},
        {{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}},
    };
    connect();
    std::int32_t id = 1;
    for (const auto& fields : bad_heads) {
        SCOPED_TRACE(fields.back().first + ": " + fields.back().second);
        auto lease = get("/");
        origin->send_head(id, fields, false);
        loop.run();
        EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, Errc::malformed);
        id += 2;
    }
    EXPECT_FALSE(session->is_retired());
}

TEST_F(H2SessionTest, ABodyShorterThanAnnouncedIsBroken) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}, {"content-length", "10"}}, false);
    origin->send_body(1, "short", true);
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
    EXPECT_EQ(loop.result_of(read_body(*lease)).error().code, Errc::malformed);
}

TEST_F(H2SessionTest, AHeadBeyondTheLimitIsRefused) {
    H2Limits small_heads;
    small_heads.head_bytes = 1000;
    connect({}, small_heads);
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}, {"x-large", std::string(1000, 'x')}}, true);
    loop.run();
    EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, Errc::response_head_too_large);
}

TEST_F(H2SessionTest, GarbageEndsTheSession) {
    connect({.send_settings_first = false});
    auto lease = get("/");
    origin->send_raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    loop.run();
    EXPECT_FALSE(loop.result_of(lease->receive_head()).has_value());
    EXPECT_TRUE(session->is_retired());
    lease.reset();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2SessionTest, ASilentOriginTimesOut) {
    connect();
    auto lease = get("/");
    const auto head = loop.start(lease->receive_head());
    loop.advance(60s - 1ms);
    EXPECT_FALSE(head.done());
    loop.advance(1ms);
    ASSERT_TRUE(head.done());
    EXPECT_EQ(head.value().error(), (Failure{Errc::response_head_timed_out, Side::origin}));
    loop.run();
    EXPECT_EQ(origin->requests().at(1).reset_with, NGHTTP2_CANCEL);
}

TEST_F(H2SessionTest, TheResponseIsDueFromTheEndOfTheRequest) {
    connect();
    auto lease = send(request("POST", "/"), http::Chunked{});
    const auto head = loop.start(lease->receive_head());
    for (int i = 0; i < 10; ++i) {  // an upload that moves may take as long as it likes
        loop.advance(50s);
        ASSERT_TRUE(loop.result_of(lease->send_body("piece")));
    }
    ASSERT_TRUE(loop.result_of(lease->finish_body({})));
    loop.advance(60s - 1ms);
    EXPECT_FALSE(head.done());
    loop.advance(1ms);
    EXPECT_TRUE(head.done());
}

TEST_F(H2SessionTest, ABodyThatStallsTimesOut) {
    connect();
    auto lease = get("/");
    origin->send_head(1, {{":status", "200"}}, false);
    loop.run();
    ASSERT_EQ(status_of(lease), 200U);
    const auto piece = loop.start(lease->receive_body());
    loop.advance(30s);
    ASSERT_TRUE(piece.done());
    EXPECT_EQ(piece.value().error().code, Errc::response_body_timed_out);
}

TEST_F(H2SessionTest, AWindowThatStaysShutTimesOut) {
    connect({.window = 0});
    auto lease = send(request("POST", "/"), http::Sized{10});
    const auto head = loop.start(lease->receive_head());
    const auto sent = loop.start(lease->send_body("0123456789"));
    loop.advance(20s);
    ASSERT_TRUE(sent.done());
    EXPECT_EQ(sent.value().error().code, Errc::write_timed_out);
    EXPECT_TRUE(head.done());
}

TEST_F(H2SessionTest, AbandoningWakesWhoWaits) {
    connect();
    auto lease = get("/");
    const auto head = loop.start(lease->receive_head());
    lease->abandon({Errc::client_gone, Side::client});
    loop.run();
    ASSERT_TRUE(head.done());
    EXPECT_EQ(head.value().error().code, Errc::client_gone);
    EXPECT_EQ(origin->requests().at(1).reset_with, NGHTTP2_CANCEL);
}

TEST_F(H2SessionTest, DrainingEndsWithTheLastStream) {
    connect();
    auto lease = get("/");
    session->drain();
    EXPECT_EQ(session->capacity(), 0U);
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
    EXPECT_FALSE(ended);
    lease.reset();
    loop.run();
    EXPECT_TRUE(ended);
    EXPECT_TRUE(origin->was_told_goaway());
}

TEST_F(H2SessionTest, OutlivesItsTransportUntilTheLastLeaseIsGone) {
    connect();
    auto lease = get("/");
    origin->close();
    loop.run();
    EXPECT_TRUE(session->is_retired());
    EXPECT_FALSE(ended);
    EXPECT_FALSE(lease->has_response_begun());
    EXPECT_EQ(loop.result_of(lease->receive_head()).error().code, Errc::peer_closed);
    lease.reset();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2SessionTest, ASlowTransportLosesNothing) {
    connect();
    origin->stream().limit_read(7);
    auto lease = send(request("POST", "/"), http::Sized{300'000});
    std::string body(300'000, 'x');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 26);
    const auto sent = loop.start(lease->send_body(body));
    loop.run();
    ASSERT_TRUE(sent.done());
    EXPECT_EQ(origin->requests().at(1).body, body);
}

}  // namespace
}  // namespace nikawa::origin
