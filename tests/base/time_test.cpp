#include "nikawa/base/time.hpp"

#include <gtest/gtest.h>

namespace nikawa {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, IsAPointInTimeOrNone) {
    const TimePoint now{1h};
    EXPECT_EQ(Deadline::after(now, 5s).at(), now + 5s);
    EXPECT_TRUE(Deadline::after(now, 0s).is_none());  // an option set to 0 is no limit
    EXPECT_LT(Deadline::after(now, 24h), Deadline::none());
}

}  // namespace
}  // namespace nikawa
