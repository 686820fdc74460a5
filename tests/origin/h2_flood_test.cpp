#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "nikawa/http/frame_allowance.hpp"
#include "origin/h2_frame_fixture.hpp"

namespace nikawa::origin {
namespace {

class H2FloodTest : public H2FrameFixture {};

constexpr std::uint16_t initial_window_size = 4;
constexpr std::uint32_t most = 0x7fffffff;

// Floods, §10.5

struct Flood {
    std::string_view what;
    std::string frame;
};

std::vector<Flood> floods() {
    return {{"PING", h2::ping()},
            {"PING answers", h2::frame(Type::ping, h2::ack, 0, "12345678")},
            {"SETTINGS", h2::settings({{initial_window_size, 65535}})},
            {"empty DATA", h2::data(1, "")},
            {"DATA of padding", h2::data(1, std::string("\x03\0\0\0", 4), h2::padded)},
            {"RST_STREAM of a closed stream", h2::rst_stream(3, Error::cancel)},
            {"WINDOW_UPDATE", h2::window_update(1, 1)},
            {"WINDOW_UPDATE of the connection", h2::window_update(0, 1)},
            {"PRIORITY", h2::frame(Type::priority, 0, 1, std::string("\0\0\0\0\1", 5))},
            {"unknown frames", h2::frame(Type::unknown, 0, 0, std::string(100, 'x'))},
            {"heads of a closed stream", h2::headers(3)},
            {"GOAWAY", h2::go_away(most, Error::no_error)}};
}

TEST_F(H2FloodTest, AFloodEndsTheSessionAndNothingElse) {
    for (const Flood& flood : floods()) {
        for (const bool too_many : {false, true}) {
            SCOPED_TRACE(std::string{flood.what} + (too_many ? ", too many" : ", many"));
            connect();
            auto victim = get("/victim");
            auto closed = get("/closed");
            receive(h2::rst_stream(3, Error::cancel) + h2::headers(1));
            const std::size_t bearable = http::FrameAllowance::most - 100;
            receive(
                h2::repeated(flood.frame, too_many ? http::FrameAllowance::most + 100 : bearable));
            if (too_many) {
                EXPECT_EQ(peer->told_goaway(), static_cast<std::int64_t>(Error::enhance_your_calm));
                EXPECT_EQ(session->capacity(), 0U);
                EXPECT_EQ(outcome(victim), "malformed");
            } else {
                receive(h2::data(1, "x", h2::end_stream));
                EXPECT_EQ(outcome(victim), "200");
            }
            victim.reset();
            closed.reset();
            loop.run();
            peer->close();
            loop.run();
            ASSERT_TRUE(ended);
        }
    }
}

TEST_F(H2FloodTest, AFloodEndsTheSessionThoughThePeerReadsNothing) {
    connect();
    wire->set_capacity(0);
    auto victim = get("/victim");
    receive(h2::repeated(h2::ping(), http::FrameAllowance::most + 100));
    EXPECT_EQ(outcome(victim), "malformed");
    victim.reset();
    loop.run();
    EXPECT_TRUE(ended);
}

TEST_F(H2FloodTest, ABlockOfContinuationsWithoutEndIsCutOff) {
    connect();
    auto victim = get("/victim");
    receive(h2::headers(1, h2::ok, 0) +
            h2::repeated(h2::frame(Type::continuation, 0, 1, h2::field("x", "y")), 2000));
    EXPECT_EQ(outcome(victim), "malformed");
    EXPECT_EQ(session->capacity(), 0U);
}

TEST_F(H2FloodTest, APeerThatTakesItsTimeMaySendWhatItLikes) {
    connect();
    auto victim = get("/victim");
    receive(h2::headers(1));
    const auto body = loop.start(read_to_the_end(*victim));
    for (int second = 0; second < 200; ++second) {
        loop.advance(1s);
        receive(h2::repeated(h2::ping(), 20) + h2::data(1, "x"));
        EXPECT_FALSE(session->is_retired());
    }
    receive(h2::data(1, "x", h2::end_stream));
    ASSERT_TRUE(body.done());
    EXPECT_EQ(body.value(), "200");
}

TEST_F(H2FloodTest, AnUploadMayBeGivenItsWindowInSmallPieces) {
    connect();
    auto upload = send(request("POST", "/"), http::Chunked{});
    const std::string body(400'000, 'u');
    const auto sent = loop.start(upload->send_body(body));
    loop.run();
    while (!sent.done()) {
        receive(h2::window_update(0, 200) + h2::window_update(1, 200));
        if (session->is_retired()) break;
    }
    ASSERT_TRUE(sent.done() && sent.value());
    EXPECT_EQ(peer->data_bytes(1), body.size());
}

TEST_F(H2FloodTest, DataOnStreamsThatWereLeftIsBorneAsFarAsItMayHaveBeenPromised) {
    const std::string frame = h2::data(1, std::string(100, 'x'));
    const std::size_t frames_of_window = H2Limits{}.first_stream_window / 100;
    for (const bool by_us : {true, false}) {
        SCOPED_TRACE(by_us);
        connect();
        auto left = get("/left");
        receive(h2::headers(1, by_us ? std::string{h2::ok} : h2::field("x", "1")));
        if (by_us) left.reset();
        loop.run();
        ASSERT_GT(peer->told_reset(1), 0);
        // SETTINGS that promise another window may be under way.
        receive(h2::repeated(frame, 2 * frames_of_window));
        EXPECT_FALSE(session->is_retired());
        receive(h2::repeated(frame, http::FrameAllowance::most + 100));
        EXPECT_EQ(peer->told_goaway(), static_cast<std::int64_t>(Error::enhance_your_calm));
        left.reset();
        peer->close();
        loop.run();
        ASSERT_TRUE(ended);
    }
}

// Heads, §10.5.1

TEST_F(H2FloodTest, AHeadThatUnpacksToMoreThanTheLimitEndsItsStreamAlone) {
    connect();
    auto victim = get("/victim");
    auto sibling = get("/sibling");
    // A large field that goes to the table, then is repeated by one octet each time.
    const std::string value(120, 'v');
    std::string bomb{h2::ok};
    bomb += "\x40" + h2::number(1, 1) + "x" + h2::number(value.size(), 1) + value;
    bomb += std::string(10'000, '\xbe');
    receive(h2::headers(1, bomb));
    EXPECT_EQ(outcome(victim), "response_head_too_large");
    receive(h2::headers(3, h2::ok, whole_head));
    EXPECT_EQ(outcome(sibling), "200");
}

// An early hint is advice, and of signs of life the last one counts.
TEST_F(H2FloodTest, OfInterimHeadsThatNobodyTakesTheOldestAreDropped) {
    H2Limits small_heads;
    small_heads.head_bytes = 1000;
    connect(small_heads);
    auto slow = get("/slow");
    const std::string padding(100, 'x');
    for (const char number : std::string_view{"12345678"}) {
        receive(h2::headers(1, h2::field(":status", "103") + h2::field("x", padding + number)));
    }
    std::string taken;
    for (int i = 0; i < 3; ++i) {
        const auto head = loop.start(slow->receive_head());
        ASSERT_TRUE(head.done());
        ASSERT_TRUE(head.value().has_value());
        taken += (*head.value())->fields.find("x").value_or(" ").back();
    }
    EXPECT_EQ(taken, "456");
    receive(h2::headers(1, h2::field(":status", "103") + h2::field("x", padding + "9")));
    receive(h2::headers(1, h2::ok, whole_head));
    EXPECT_EQ(outcome(slow), "200");
}

// Silence

TEST_F(H2FloodTest, HalfAFrameAndThenSilenceTimesOut) {
    connect();
    auto victim = get("/victim");
    const auto head = loop.start(victim->receive_head());
    receive(h2::headers(1).substr(0, 9));
    loop.advance(60s);
    ASSERT_TRUE(head.done());
    EXPECT_EQ(head.value().error().code, Errc::response_head_timed_out);
}

}  // namespace
}  // namespace nikawa::origin
