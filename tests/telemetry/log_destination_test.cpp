#include "telemetry/log_destination.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "support/temporary_directory.hpp"

namespace nikawa::telemetry {
namespace {

namespace fs = std::filesystem;
using test::content;
using test::TemporaryDirectory;
using namespace std::chrono_literals;
using std::chrono::system_clock;
using testing::UnorderedElementsAre;

constexpr std::time_t new_year = 1767193200;  // 2026-01-01 00:00 in Japan, a Thursday

system_clock::time_point at(std::chrono::seconds since_new_year) {
    return system_clock::from_time_t(new_year) + since_new_year;
}

bool never() { return false; }

class LogDestinationTest : public testing::Test {
protected:
    LogDestinationTest() {
        setenv("TZ", "JST-9", 1);
        tzset();
        settings.dir = directory.path().string();
    }

    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator{directory.path()}) {
            names.push_back(entry.path().filename().string());
        }
        return names;
    }

    std::string file(std::string_view name) const { return content(directory.path() / name); }

    void write(LogDestination& log, std::string_view lines, system_clock::time_point now) {
        EXPECT_EQ(log.prepare(now).error, 0);
        EXPECT_EQ(log.write(lines, never).error, 0);
    }

    TemporaryDirectory directory;
    LogSettings settings;
};

TEST_F(LogDestinationTest, NamesFilesByTheLocalBeginningOfTheirInterval) {
    EXPECT_EQ(log_file_name(at(0s), 24h), "access_log.202601010000");
    EXPECT_EQ(log_file_name(at(24h - 1s), 24h), "access_log.202601010000");
    EXPECT_EQ(log_file_name(at(24h), 24h), "access_log.202601020000");
    EXPECT_EQ(log_file_name(at(7h + 59min), 1h), "access_log.202601010700");
    EXPECT_EQ(log_file_name(at(7h + 59min), 15min), "access_log.202601010745");
    EXPECT_EQ(log_file_name(at(7h + 59min), 168h), "access_log.202512290000");  // weeks: Mondays
}

TEST_F(LogDestinationTest, BeginsANewFileAndMovesTheLink) {
    LogDestination log{settings};
    write(log, "one\n", at(0s));
    write(log, "two\n", at(23h));
    EXPECT_EQ(file("current"), "one\ntwo\n");

    write(log, "three\n", at(24h));
    EXPECT_EQ(file("access_log.202601010000"), "one\ntwo\n");
    EXPECT_EQ(file("access_log.202601020000"), "three\n");
    EXPECT_EQ(fs::read_symlink(directory.path() / "current"), "access_log.202601020000");
    EXPECT_THAT(
        files(),
        UnorderedElementsAre("access_log.202601010000", "access_log.202601020000", "current"));
}

TEST_F(LogDestinationTest, GoesOnInAFileThatIsThere) {
    std::ofstream{directory.path() / "access_log.202601010000"} << "before\n";
    LogDestination log{settings};
    write(log, "after\n", at(0s));
    EXPECT_EQ(file("current"), "before\nafter\n");
}

TEST_F(LogDestinationTest, CreatesTheDirectory) {
    settings.dir = directory.path() / "a" / "b";
    LogDestination log{settings};
    write(log, "one\n", at(0s));
    EXPECT_EQ(file("a/b/current"), "one\n");
}

TEST_F(LogDestinationTest, RemovesOldFilesOfItsOwnNames) {
    const auto make = [&](const char* name, std::chrono::seconds since_new_year) {
        std::ofstream{directory.path() / name} << "x";
        const timespec time{.tv_sec = system_clock::to_time_t(at(since_new_year)), .tv_nsec = 0};
        const timespec both[] = {time, time};
        ASSERT_EQ(utimensat(AT_FDCWD, (directory.path() / name).c_str(), both, 0), 0);
    };
    make("access_log.202511010000", -48h - 1s);
    make("access_log.202511020000", -47h);
    make("access_log.202511010000.gz", -1000h);
    make("access_log.2025110100", -1000h);
    make("access_log.20251101000x", -1000h);
    make("error_log.202511010000", -1000h);

    settings.keep = 48h;
    LogDestination log{settings};
    write(log, "one\n", at(0s));
    EXPECT_THAT(files(),
                UnorderedElementsAre("access_log.202511020000",
                                     "access_log.202511010000.gz",
                                     "access_log.2025110100",
                                     "access_log.20251101000x",
                                     "error_log.202511010000",
                                     "access_log.202601010000",
                                     "current"));
    write(log, "two\n", at(24h));
    EXPECT_EQ(file("access_log.202511020000"), "");
}

TEST_F(LogDestinationTest, KeepsEveryFileWhenToldSo) {
    std::ofstream{directory.path() / "access_log.200101010000"} << "x";
    settings.keep = 0s;
    LogDestination log{settings};
    write(log, "one\n", at(1000000h));
    EXPECT_EQ(file("access_log.200101010000"), "x");
}

TEST_F(LogDestinationTest, ReopensAFileThatWasMovedAway) {
    LogDestination log{settings};
    write(log, "one\n", at(0s));
    fs::rename(directory.path() / "access_log.202601010000", directory.path() / "moved");
    write(log, "two\n", at(1s));
    EXPECT_EQ(log.reopen(at(2s)).error, 0);
    write(log, "three\n", at(3s));
    EXPECT_EQ(file("moved"), "one\ntwo\n");
    EXPECT_EQ(file("current"), "three\n");
}

TEST_F(LogDestinationTest, StaysWithTheOldFileWhenTheNewOneCannotBeOpened) {
    LogDestination log{settings};
    write(log, "one\n", at(0s));
    fs::create_directory(directory.path() / "access_log.202601020000");
    const auto outcome = log.prepare(at(24h));
    EXPECT_EQ(outcome.error, EISDIR);
    EXPECT_EQ(outcome.doing,
              "cannot open " + (directory.path() / "access_log.202601020000").string());
    EXPECT_EQ(log.write("two\n", never).error, 0);
    EXPECT_EQ(file("current"), "one\ntwo\n");
}

TEST_F(LogDestinationTest, CountsWhatAFullDiskDoesNotTake) {
    fs::create_symlink("/dev/full", directory.path() / "access_log.202601010000");
    LogDestination log{settings};
    EXPECT_EQ(log.prepare(at(0s)).error, 0);
    const auto outcome = log.write("one\ntwo\nthree\n", never);
    EXPECT_EQ(outcome.error, ENOSPC);
    EXPECT_EQ(outcome.lost_lines, 3);
}

TEST_F(LogDestinationTest, FinishesALineThatWasCutOffBeforeTheNextOne) {
    // A pipe that takes only a part: the rest of the line that was cut is kept, further lines not.
    const auto path = directory.path() / "access_log.202601010000";
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(fcntl(reader, F_SETPIPE_SZ, 4096), 4096);
    LogDestination log{settings};
    EXPECT_EQ(log.prepare(at(0s)).error, 0);
    const std::string cut(6000, 'x');
    const auto outcome = log.write(cut + "\nlost\nlost\n", [] { return true; });
    EXPECT_EQ(outcome.error, ETIMEDOUT);
    EXPECT_EQ(outcome.lost_lines, 2);

    std::string got(20000, '\0');
    std::size_t size = 0;
    const auto drain = [&] {
        for (ssize_t count = 0; (count = read(reader, &got[size], got.size() - size)) > 0;) {
            size += static_cast<std::size_t>(count);
        }
    };
    drain();
    EXPECT_EQ(size, 4096);
    // One page only: the rest of the line goes first, the next line when that was read.
    auto next = log.write("next\n", [&] {
        drain();
        return false;
    });
    EXPECT_EQ(next.error, 0);
    drain();
    close(reader);
    EXPECT_EQ(got.substr(0, size), cut + "\nnext\n");
}

}  // namespace
}  // namespace nikawa::telemetry
