#include "daemon/state_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "support/temporary_directory.hpp"

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;
using testing::HasSubstr;

class StateFileTest : public testing::Test {
protected:
    static RememberedOrigins origins(const std::string& host, std::size_t peak = 1) {
        RememberedOrigins result(1);
        result[0].origin.host = host;
        result[0].peak = peak;
        result[0].unused_for = 0s;
        return result;
    }

    RememberedOrigins read() const { return read_state_file(path, system_clock::now()).origins; }

    test::TemporaryDirectory directory;
    std::string path = directory.path() / "state.json";
};

TEST_F(StateFileTest, IsNotThereAtFirst) {
    const auto state = read_state_file(path, system_clock::now());
    EXPECT_EQ(state.problem, "");
    EXPECT_TRUE(state.origins.empty());
}

TEST_F(StateFileTest, IsReplacedAsAWholeAndReadableByItsOwnerOnly) {
    ASSERT_EQ(write_state_file(path, "old, and longer"), "");
    ASSERT_EQ(write_state_file(path, "new"), "");
    EXPECT_EQ(test::content(path), "new");
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    const std::filesystem::directory_iterator files{directory.path()};
    EXPECT_EQ(std::distance(begin(files), end(files)), 1);  // and nothing beside it
}

TEST_F(StateFileTest, SaysWhatIsWrongWithItsPlace) {
    EXPECT_THAT(write_state_file(directory.path() / "missing" / "state.json", "text"),
                HasSubstr("missing/state.json"));
    std::filesystem::create_directory(path);
    EXPECT_THAT(write_state_file(path, "text"), HasSubstr("cannot replace " + path));
    EXPECT_EQ(read_state_file(path, system_clock::now()).problem, "is not a file");
    EXPECT_FALSE(std::filesystem::exists(path + "." + std::to_string(getpid())));
}

TEST_F(StateFileTest, IsNoPipeThatTheStartWouldWaitFor) {
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(read_state_file(path, system_clock::now()).problem, "is not a file");
}

TEST_F(StateFileTest, HoldsWhatAllShardsRememberAtTheEnd) {
    {
        StateFile file{path, 2, nullptr};
        file.remember(0, origins("a.example"), StateFile::Urgency::whenever);
        file.remember(1, origins("b.example"), StateFile::Urgency::whenever);
        file.remember(0, origins("a.example", 7), StateFile::Urgency::now);
    }
    const auto all = read();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].peak + all[1].peak, 8U);
}

TEST_F(StateFileTest, IsNotWrittenWhenNobodyHasAnythingToSay) {
    { const StateFile file{path, 1, nullptr}; }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(StateFileTest, TellsOfEachTroubleOnce) {
    std::vector<std::string> told;
    const auto missing = directory.path() / "missing" / "state.json";
    {
        StateFile file{missing, 1, [&](std::string_view text) { told.emplace_back(text); }};
        for (std::size_t peak = 1; peak < 4; ++peak) {
            file.remember(0, origins("a.example", peak), StateFile::Urgency::now);
        }
    }
    ASSERT_EQ(told.size(), 1U);
    EXPECT_THAT(told[0], HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace nikawa::daemon
