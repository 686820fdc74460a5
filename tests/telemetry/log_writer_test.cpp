#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <future>
#include <thread>

#include "nikawa/telemetry/access_log.hpp"
#include "support/temporary_directory.hpp"

namespace nikawa::telemetry {
namespace {

namespace fs = std::filesystem;
using test::content;
using test::TemporaryDirectory;
using testing::HasSubstr;

const ExchangeRecord record{.method = "GET", .path = "/some/path", .status = 200};

std::size_t lines_in(std::string_view text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// stderr is a pipe while it lives.
class StderrPipe {
public:
    StderrPipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
        before_ = dup(STDERR_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        reader_ = ends[0];
    }
    StderrPipe(const StderrPipe&) = delete;
    StderrPipe& operator=(const StderrPipe&) = delete;
    ~StderrPipe() {
        restore();
        close_reader();
    }

    void restore() {
        if (before_ < 0) return;
        dup2(before_, STDERR_FILENO);
        close(std::exchange(before_, -1));
    }

    void close_reader() {
        if (reader_ >= 0) close(std::exchange(reader_, -1));
    }

    [[nodiscard]] int reader() const { return reader_; }

    /// Reads until there is no writer any more.
    std::string rest() {
        std::string text;
        std::array<char, 65536> piece{};
        for (ssize_t count = 0; (count = read(reader_, piece.data(), piece.size())) > 0;) {
            text.append(piece.data(), static_cast<std::size_t>(count));
        }
        return text;
    }

private:
    int before_ = -1;
    int reader_ = -1;
};

TEST(LogWriterTest, WritesTheLinesOfAllItsLogs) {
    const TemporaryDirectory directory;
    auto writer = LogWriter::open({.dir = directory.path().string()});
    ASSERT_TRUE(writer.has_value()) << writer.error();
    constexpr std::size_t each = 5000;
    const auto log_lines = [&] {
        AccessLog log{writer->get()};
        for (std::size_t i = 0; i < each; ++i) log.write(record);
    };
    std::thread other{log_lines};
    log_lines();
    other.join();
    EXPECT_EQ((*writer)->dropped_lines(), 0);
    writer->reset();

    const auto text = content(directory.path() / "current");
    std::string line;
    SecondText second;
    append_line(line, record, LogFormat::json, second);
    EXPECT_EQ(lines_in(text), 2 * each);
    EXPECT_EQ(text.size(), 2 * each * line.size());
}

TEST(LogWriterTest, HasLinesUntilTheyAreFlushed) {
    const TemporaryDirectory directory;
    const auto writer = LogWriter::open({.dir = directory.path().string()});
    AccessLog log{writer->get()};
    EXPECT_FALSE(log.has_lines());
    log.write(record);
    EXPECT_TRUE(log.has_lines());
    log.flush();
    EXPECT_FALSE(log.has_lines());
}

TEST(LogWriterTest, WritesNothingWhenThatIsAsked) {
    const auto writer = LogWriter::open({.dir = "none"});
    AccessLog log{writer->get()};
    AccessLog without_writer{nullptr};
    for (auto* each : {&log, &without_writer}) {
        each->write(record);
        EXPECT_FALSE(each->has_lines());
    }
    (*writer)->reopen();
    EXPECT_EQ((*writer)->dropped_lines(), 0);
}

TEST(LogWriterTest, ReopensItsFile) {
    const TemporaryDirectory directory;
    auto writer = LogWriter::open({.dir = directory.path().string()});
    const auto first = fs::canonical(directory.path() / "current");
    fs::rename(first, directory.path() / "moved");
    (*writer)->reopen();
    {
        AccessLog log{writer->get()};
        log.write(record);
    }
    writer->reset();
    EXPECT_EQ(content(directory.path() / "moved"), "");
    EXPECT_EQ(lines_in(content(directory.path() / "current")), 1);
}

TEST(LogWriterTest, SaysWhatIsWrongWithItsDirectory) {
    const TemporaryDirectory directory;
    const auto path = directory.path() / "file";
    std::ofstream{path} << "x";
    const auto writer = LogWriter::open({.dir = path.string()});
    ASSERT_FALSE(writer.has_value());
    EXPECT_THAT(writer.error(), HasSubstr("access log: cannot open " + path.string()));
    EXPECT_THAT(writer.error(), HasSubstr("Not a directory"));
}

TEST(LogWriterTest, DropsAndCountsLinesThatAPipeDoesNotTakeAndEndsInTime) {
    constexpr std::size_t lines = 40000;  // some 10 MiB
    StderrPipe pipe;
    auto writer = LogWriter::open({});
    {
        AccessLog log{writer->get()};
        for (std::size_t i = 0; i < lines; ++i) log.write(record);
    }
    const auto dropped = (*writer)->dropped_lines();
    EXPECT_GT(dropped, lines / 4);
    EXPECT_LT(dropped, lines);

    const auto begin = std::chrono::steady_clock::now();
    writer->reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{10});
    pipe.restore();
    const auto text = pipe.rest();
    EXPECT_GT(lines_in(text), 0);
    EXPECT_EQ(text.back(), '\n');
}

TEST(LogWriterTest, SurvivesAPipeWithoutAReader) {
    StderrPipe pipe;
    pipe.close_reader();
    auto writer = LogWriter::open({});
    {
        AccessLog log{writer->get()};
        log.write(record);
    }
    writer->reset();  // SIGPIPE would have ended the process
}

TEST(LogWriterTest, TellsTheOperatorOnceWhatWasDropped) {
    const TemporaryDirectory directory;
    std::promise<std::string> told;
    LogSettings settings{.dir = directory.path().string()};
    settings.on_trouble = [&](std::string_view text) { told.set_value(std::string{text}); };
    auto writer = LogWriter::open(settings);
    const auto file = fs::canonical(directory.path() / "current");
    fs::remove(file);
    fs::create_symlink("/dev/full", file);
    (*writer)->reopen();
    {
        AccessLog log{writer->get()};
        for (int i = 0; i < 3; ++i) log.write(record);
        log.flush();
        log.write(record);
    }
    writer->reset();  // a second call would have been an exception of the promise
    EXPECT_EQ(told.get_future().get(),
              "3 lines dropped so far, cannot write: No space left on device");
}

}  // namespace
}  // namespace nikawa::telemetry
