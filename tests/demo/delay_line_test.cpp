#include "demo/delay_line.hpp"

#include <gtest/gtest.h>

namespace nikawa::demo {
namespace {

using namespace std::chrono_literals;
using Kind = DelayLine::Kind;

constexpr TimePoint start{1h};

std::string taken_at(DelayLine& line, TimePoint now) {
    std::string all;
    while (const DelayLine::Flight* flight = line.arrived(now)) {
        all += flight->rest();
        line.take(flight->rest().size());
    }
    return all;
}

TEST(DelayLine, HoldsTheFirstFlightLongerAndLetsNoneOvertakeIt) {
    DelayLine line{50ms, 100ms};
    line.send(Kind::bytes, "first", start);
    line.send(Kind::bytes, "second", start + 20ms);

    EXPECT_EQ(line.next_due(), start + 150ms);
    EXPECT_EQ(taken_at(line, start + 150ms - 1ns), "");
    EXPECT_EQ(taken_at(line, start + 150ms), "firstsecond");

    line.send(Kind::bytes, "third", start + 200ms);
    EXPECT_EQ(line.next_due(), start + 250ms);
}

TEST(DelayLine, CarriesManyFlightsAtOnce) {
    DelayLine line{50ms, 0ms};
    for (int i = 0; i < 10; ++i) line.send(Kind::bytes, std::to_string(i), start + i * 1ms);

    EXPECT_EQ(taken_at(line, start + 54ms), "01234");
    EXPECT_EQ(taken_at(line, start + 59ms), "56789");
    EXPECT_EQ(line.next_due(), TimePoint::max());
}

TEST(DelayLine, KeepsWhatWasNotTakenOfAFlight) {
    DelayLine line{0ms, 0ms};
    line.send(Kind::bytes, "abcdef", start);
    line.take(4);
    EXPECT_EQ(taken_at(line, start), "ef");
}

TEST(DelayLine, DeliversTheEndAfterTheBytesBeforeIt) {
    DelayLine line{50ms, 0ms};
    line.send(Kind::bytes, "last", start);
    line.send(Kind::end, {}, start);

    line.take(4);
    const DelayLine::Flight* const end = line.arrived(start + 50ms);
    ASSERT_NE(end, nullptr);
    EXPECT_EQ(end->kind, Kind::end);
    line.take(0);
    EXPECT_EQ(line.arrived(start + 50ms), nullptr);
}

TEST(DelayLine, IsFullAtItsLimitUntilBytesAreTaken) {
    DelayLine line{50ms, 0ms};
    line.send(Kind::bytes, std::string(DelayLine::max_bytes - 1, 'x'), start);
    EXPECT_FALSE(line.is_full());
    line.send(Kind::bytes, "x", start);
    EXPECT_TRUE(line.is_full());
    line.take(1);
    EXPECT_FALSE(line.is_full());
}

}  // namespace
}  // namespace nikawa::demo
