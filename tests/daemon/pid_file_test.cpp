#include "nikawa/daemon/pid_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <stdexcept>

#include "support/temporary_directory.hpp"

namespace nikawa::daemon {
namespace {

namespace fs = std::filesystem;
using test::content;
using test::TemporaryDirectory;

TEST(PidFileTest, HoldsOurIdWhileItLives) {
    const TemporaryDirectory directory;
    const auto path = directory.path() / "nikawa.pid";
    std::ofstream{path} << "1 from before\n";
    {
        const PidFile file{path};
        EXPECT_EQ(content(path), std::to_string(getpid()) + "\n");
    }
    EXPECT_TRUE(fs::is_empty(directory.path()));
}

TEST(PidFileTest, LeavesTheFileOfTheNextProcess) {
    const TemporaryDirectory directory;
    const auto path = directory.path() / "nikawa.pid";
    std::optional<PidFile> file{path};
    std::ofstream{path} << "1\n";
    file.reset();
    EXPECT_EQ(content(path), "1\n");
}

TEST(PidFileTest, IsNotWantedWithoutAPath) { const PidFile none{""}; }

TEST(PidFileTest, NamesThePathThatCannotBeWritten) {
    const TemporaryDirectory directory;
    const auto path = (directory.path() / "missing" / "nikawa.pid").string();
    try {
        const PidFile file{path};
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(),
                  "pid-file " + path + ": cannot be written: No such file or directory");
    }
}

}  // namespace
}  // namespace nikawa::daemon
