#include "daemon/connection_limits.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "daemon/episode.hpp"

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;

net::IpAddress address(std::string_view text) { return *net::IpAddress::parse(text); }

TEST(ConnectionLimits, GiveAPlaceUntilAllAreTaken) {
    ConnectionLimits limits{2, 0};
    auto first = limits.take(address("192.0.2.1"));
    const auto second = limits.take(address("192.0.2.1"));
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(limits.take(address("192.0.2.2")));
    EXPECT_EQ(limits.open(), 2U);
    first->give_back();
    first->give_back();  // changes nothing
    EXPECT_EQ(limits.open(), 1U);
    EXPECT_TRUE(limits.take(address("192.0.2.2")));
}

TEST(ConnectionLimits, GiveAPlaceBackWhenItsOwnerEnds) {
    ConnectionLimits limits{1, 1};
    {
        auto place = limits.take(address("192.0.2.1"));
        const ConnectionPlace moved = std::move(*place);
        EXPECT_EQ(limits.open(), 1U);
    }
    EXPECT_EQ(limits.open(), 0U);
    EXPECT_TRUE(limits.take(address("192.0.2.1")));
}

TEST(ConnectionLimits, TellTheMostThatWereOpenMeanwhile) {
    ConnectionLimits limits{10, 0};
    {
        const auto one = limits.take(address("192.0.2.1"));
        const auto another = limits.take(address("192.0.2.1"));
    }
    const auto left = limits.take(address("192.0.2.1"));
    EXPECT_EQ(limits.take_most_open(), 2U);
    EXPECT_EQ(limits.take_most_open(), 1U);
}

TEST(ConnectionLimits, CountClientsByTheirAddress) {
    struct Row {
        std::string_view one;
        std::string_view other;
        bool is_same;
    };
    const Row rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "2001:db8::1", false},
        {"127.0.0.1", "127.9.9.9", true},  // all of this machine
        {"127.0.0.1", "::1", true},
        {"127.0.0.1", "::ffff:127.0.0.2", true},
        {"127.0.0.1", "128.0.0.1", false},
        {"::1", "::2", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string{row.one} + " and " + std::string{row.other});
        ConnectionLimits limits{10, 1};
        const auto place = limits.take(address(row.one));
        EXPECT_TRUE(place);
        EXPECT_EQ(limits.is_used_up_by(address(row.other)), row.is_same);
        EXPECT_EQ(limits.take(address(row.other)).has_value(), !row.is_same);
    }
}

TEST(ConnectionLimits, LeaveDescriptorsForOrigins) {
    EXPECT_EQ(default_max_conns(256), 160U);
    EXPECT_EQ(default_max_conns(1024), 688U);
    EXPECT_EQ(default_max_conns(20000), 13734U);
    EXPECT_EQ(default_max_conns(16), 1U);
    EXPECT_EQ(max_warm_origins(256, 1), 64U);
    EXPECT_EQ(max_warm_origins(1024, 4), 64U);
    EXPECT_EQ(max_warm_origins(1 << 20, 1), 1000U);
    EXPECT_EQ(max_warm_origins(16, 8), 1U);
    EXPECT_EQ(most_lingering(16), 4U);
    EXPECT_EQ(most_lingering(1024), 64U);
    EXPECT_EQ(most_lingering(1 << 20), 256U);
}

TEST(Episode, IsToldWhenItBeginsAndOnceItIsOver) {
    const TimePoint start{1h};
    Episode episode;
    EXPECT_FALSE(episode.end(start));
    EXPECT_TRUE(episode.note(start));
    EXPECT_FALSE(episode.note(start + 2s));
    EXPECT_FALSE(episode.end(start + 2s + Episode::calm - 1ms));
    const auto ended = episode.end(start + 2s + Episode::calm);
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->times, 2U);
    EXPECT_EQ(ended->lasted, 2s);
    EXPECT_FALSE(episode.end(start + 1min));

    EXPECT_TRUE(episode.note(start + 2min));
    EXPECT_EQ(episode.times(), 3U);
    EXPECT_EQ(episode.end(start + 3min)->times, 1U);
}

}  // namespace
}  // namespace nikawa::daemon
