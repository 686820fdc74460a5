#include "nikawa/http/frame_allowance.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nikawa/http/flood_guard.hpp"
#include "nikawa/http/frame_heads.hpp"
#include "support/h2_frames.hpp"

namespace nikawa::http {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1000h};

std::size_t frames_allowed(FrameAllowance& allowance, TimePoint now) {
    std::size_t frames = 0;
    while (frames < 10 * FrameAllowance::most && allowance.spend(now)) ++frames;
    return frames;
}

TEST(FrameAllowance, EndsWhatBringsNothingForward) {
    FrameAllowance allowance{start};
    EXPECT_EQ(frames_allowed(allowance, start), FrameAllowance::most);
    EXPECT_FALSE(allowance.spend(start));
}

TEST(FrameAllowance, IsGivenByTimeAndNoMoreThanAtFirst) {
    FrameAllowance allowance{start};
    frames_allowed(allowance, start);
    EXPECT_EQ(frames_allowed(allowance, start + 1s), 50U);
    EXPECT_EQ(frames_allowed(allowance, start + 1s + 19ms), 0U);
    EXPECT_EQ(frames_allowed(allowance, start + 1s + 20ms), 1U);
    EXPECT_EQ(frames_allowed(allowance, start + 1000h), FrameAllowance::most);
}

TEST(FrameAllowance, IsEarnedByWhatGoesForward) {
    FrameAllowance allowance{start};
    allowance.earn(FrameAllowance::of_request);  // it is full already
    EXPECT_EQ(frames_allowed(allowance, start), FrameAllowance::most);
    allowance.earn(FrameAllowance::of_data_sent);
    EXPECT_EQ(frames_allowed(allowance, start), FrameAllowance::of_data_sent);
}

TEST(FrameAllowance, BearsAnEndlessBodyInTheSmallestFrames) {
    FrameAllowance allowance{start};
    for (std::size_t i = 0; i < 10 * FrameAllowance::most; ++i) {
        ASSERT_TRUE(allowance.spend(start));
        allowance.earn(FrameAllowance::of_data_received);
    }
}

TEST(FrameHeads, AreFoundHoweverTheyAreCutUp) {
    namespace h2 = test::h2;
    const std::string frames = h2::headers(1) +
                               h2::data(3, std::string(300, '\xff'), h2::end_stream) +
                               h2::settings() + h2::frame(h2::Type::unknown, 0xff, 0xffffffff, "?");
    for (std::size_t piece = 1; piece <= frames.size(); ++piece) {
        SCOPED_TRACE(piece);
        FrameHeads heads;
        std::vector<FrameHead> seen;
        for (std::size_t at = 0; at < frames.size(); at += piece) {
            heads.read(Bytes{frames}.substr(at, piece), [&](const FrameHead& head) {
                seen.push_back(head);
                return true;
            });
        }
        ASSERT_EQ(seen.size(), 4U);
        EXPECT_EQ(seen[1].size, 300U);
        EXPECT_EQ(seen[1].flags, h2::end_stream);
        EXPECT_EQ(seen[1].stream, 3);
        EXPECT_EQ(seen[2].type, static_cast<std::uint8_t>(h2::Type::settings));
        EXPECT_EQ(seen[3].type, 0xbe);
        EXPECT_EQ(seen[3].stream, 0x7fffffff);  // the highest bit is not its own
    }
}

TEST(FrameHeads, AreReadAsFarAsTheyAreWanted) {
    namespace h2 = test::h2;
    const std::string frames = h2::ping() + h2::ping();
    FrameHeads heads;
    std::size_t seen = 0;
    const auto one = [&seen](const FrameHead&) { return ++seen % 2 == 0; };
    EXPECT_EQ(heads.read(frames, one), 9U);  // the head; its payload comes with the rest
    EXPECT_EQ(heads.read(Bytes{frames}.substr(9), one), frames.size() - 9);
    EXPECT_EQ(seen, 2U);
}

// The library takes what was admitted before the rest is asked about, and then the frames earn.
TEST(FloodGuard, LetsWhatFramesOfOneReadEarnCountForThoseThatFollow) {
    namespace h2 = test::h2;
    const auto nobody = [](std::int32_t) { return false; };
    const auto frames = h2::repeated(h2::data(1, "x"), 6000);
    FloodGuard guard{start};
    std::size_t taken = 0;
    for (Bytes left = frames; !left.empty(); ++taken) {
        const auto admitted = guard.admit(left, start, nobody);
        ASSERT_TRUE(admitted);
        const std::size_t frame_bytes = 10;
        guard.earn(*admitted / frame_bytes * FrameAllowance::of_data_received);
        left.remove_prefix(*admitted);
    }
    EXPECT_GT(taken, 1U);
}

TEST(FloodGuard, BearsWhatWasUnderWayWhenAStreamWasLeftAndNoMore) {
    namespace h2 = test::h2;
    const auto all_left = [](std::int32_t) { return true; };
    const auto admits_all = [&](FloodGuard& guard, Bytes left) {
        while (!left.empty()) {
            const auto admitted = guard.admit(left, start, all_left);
            if (!admitted) return false;
            left.remove_prefix(*admitted);
        }
        return true;
    };
    const auto frames = h2::repeated(h2::data(1, "x"), 3 * FrameAllowance::most);
    FloodGuard guard{start};
    guard.expect_unwanted(3 * FrameAllowance::most);
    EXPECT_TRUE(admits_all(guard, frames));
    EXPECT_FALSE(admits_all(guard, frames));
}

}  // namespace
}  // namespace nikawa::http
