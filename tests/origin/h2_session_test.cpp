#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string>
#include <vector>

#include "origin/h2_fixture.hpp"

namespace nikawa::origin {
namespace {

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
    std::vector<StreamLease> leases;
    const auto writes = wire->writes();
    for (int i = 0; i < 20; ++i) {
        leases.push_back(session->open_stream(timeouts));
        ASSERT_TRUE(leases.back()->send_head(request("GET", "/"), http::NoBody{}));
    }
    loop.run();
    EXPECT_EQ(origin->requests().size(), 20U);
    EXPECT_EQ(wire->writes() - writes, 1U);
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
    const auto head = loop.result_of(lease->receive_head());
    ASSERT_TRUE(head);
    EXPECT_TRUE((*head)->fields.empty()) << "what is to be said of it is up to who passes it on";
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
    for (int i = 0; i < 110; ++i) origin->send_head(1, {{":status", "103"}}, false);
    origin->reply(3, "200", "x");
    loop.run();
    for (int i = 0; i < 100; ++i) EXPECT_EQ(status_of(lease), 103U);
    const auto flooded = loop.result_of(lease->receive_head()).error();
    EXPECT_EQ(flooded.code, Errc::malformed);
    EXPECT_EQ(flooded.cause.message(), "a flood of interim responses (1xx) came before it");
    EXPECT_EQ(status_of(sibling), 200U);
}

// More of them than a head may have bytes, and than a connection may have frames: a sign of life
// may come for as long as a request takes, and each puts the time off that its response has.
TEST_F(H2SessionTest, InterimHeadsMayComeForHours) {
    connect();
    auto lease = get("/");
    for (int i = 0; i < 3000; ++i) {
        origin->send_head(1, {{":status", "102"}}, false);
        loop.run();
        ASSERT_EQ(status_of(lease), 102U) << i;
        const auto head = loop.start(lease->receive_head());
        loop.advance(59s);
        ASSERT_FALSE(head.done()) << i;
        origin->send_head(1, {{":status", "104"}}, false);
        loop.run();
        ASSERT_TRUE(head.done());
        ASSERT_TRUE(head.value()) << i;
    }
    origin->reply(1, "200", "x");
    loop.run();
    EXPECT_EQ(status_of(lease), 200U);
}

TEST_F(H2SessionTest, InterimHeadsOfManyStreamsCostTheSessionNothing) {
    connect();
    std::vector<StreamLease> leases;
    for (int i = 0; i < 90; ++i) leases.push_back(get("/"));
    for (int round = 0; round < 50; ++round) {  // in all 4500 frames at once
        for (int i = 0; i < 90; ++i) origin->send_head(2 * i + 1, {{":status", "102"}}, false);
        loop.run();
        for (auto& lease : leases) ASSERT_EQ(status_of(lease), 102U) << round;
    }
    EXPECT_FALSE(session->is_retired());
}

TEST_F(H2SessionTest, SendsABodyOfKnownSizeWithItsEnd) {
    connect();
    auto lease = send(request("POST", "/"), http::Sized{5});
    ASSERT_TRUE(loop.result_of(lease->finish_body("hello", {})));
    loop.run();
    EXPECT_EQ(origin->requests().at(1).body, "hello");
    EXPECT_TRUE(origin->requests().at(1).ended);
    EXPECT_TRUE(loop.result_of(lease->finish_body({}, {})));
}

// RFC 9113 §8.1: it is the stream's end that ends a message, and trailers may come before it.
TEST_F(H2SessionTest, LeavesTheEndOfABodyOfKnownSizeToItsSender) {
    connect();
    auto lease = send(request("POST", "/"), http::Sized{5});
    ASSERT_TRUE(loop.result_of(lease->send_body("hello")));
    loop.run();
    EXPECT_EQ(origin->requests().at(1).body, "hello");
    EXPECT_FALSE(origin->requests().at(1).ended);
    http::FieldBlock trailers;
    trailers.add("X-Sum", "1");
    ASSERT_TRUE(loop.result_of(lease->finish_body({}, trailers)));
    loop.run();
    EXPECT_TRUE(origin->requests().at(1).ended);
    EXPECT_EQ(origin->requests().at(1).trailers, (Fields{{"x-sum", "1"}}));
}

TEST_F(H2SessionTest, SendsTheLastPieceAndTrailersTogether) {
    connect();
    auto lease = send(request("POST", "/"), http::Sized{5});
    http::FieldBlock trailers;
    trailers.add("X-Sum", "1");
    ASSERT_TRUE(loop.result_of(lease->finish_body("hello", trailers)));
    loop.run();
    EXPECT_EQ(origin->requests().at(1).body, "hello");
    EXPECT_TRUE(origin->requests().at(1).ended);
    EXPECT_EQ(origin->requests().at(1).trailers, (Fields{{"x-sum", "1"}}));
}

TEST_F(H2SessionTest, SendsTrailers) {
    connect();
    auto lease = send(request("POST", "/"), http::Chunked{});
    http::FieldBlock trailers;
    trailers.add("X-Sum", "1");
    ASSERT_TRUE(loop.result_of(lease->send_body("hello")));
    ASSERT_TRUE(loop.result_of(lease->finish_body({}, trailers)));
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
    EXPECT_EQ(loop.result_of(lease->finish_body("too long", {})).error().code, Errc::bad_framing);
    EXPECT_EQ(loop.result_of(lease->finish_body("shrt", {})).error().code, Errc::bad_framing);
    EXPECT_EQ(loop.result_of(lease->finish_body({}, {})).error().code, Errc::bad_framing);
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

}  // namespace
}  // namespace nikawa::origin
