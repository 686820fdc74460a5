#include "daemon/freed_memory.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nikawa::daemon {
namespace {

TEST(CrowdWatch, TellsThatACrowdHasLeft) {
    struct Row {
        std::string what;
        std::vector<std::size_t> open;  // of one second after the other
        std::size_t looks;              // until it is told; 0 is never
    };
    const std::vector<Row> rows = {
        {"nobody", {0, 0, 0, 0, 0}, 0},
        {"a crowd that leaves", {10, 5000, 10, 10, 10}, 5},
        {"half of it", {2000, 1000, 1000, 1000}, 4},
        {"fewer than half", {4000, 2001, 2001, 2001, 2001, 2001}, 0},
        {"too few to matter", {999, 0, 0, 0, 0, 0}, 0},
        {"one that comes back", {3000, 0, 0, 3000, 0, 0, 3000, 0, 0}, 0},
        {"one that leaves little by little", {3000, 2500, 2000, 1500, 1000, 500}, 6},
        {"one that has left is no news", {3000, 0, 0, 0, 0, 0, 0, 0}, 4},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        CrowdWatch watch;
        for (std::size_t i = 0; i < row.open.size(); ++i) {
            EXPECT_EQ(watch.has_left(row.open[i], row.open[i]), i + 1 == row.looks) << i;
        }
    }
}

TEST(CrowdWatch, TellsOfEachCrowd) {
    CrowdWatch watch;
    for (int crowd = 0; crowd < 3; ++crowd) {
        EXPECT_FALSE(watch.has_left(50, 2000));  // came and went between two looks
        EXPECT_FALSE(watch.has_left(40, 50));
        EXPECT_TRUE(watch.has_left(30, 40));
    }
}

}  // namespace
}  // namespace nikawa::daemon
