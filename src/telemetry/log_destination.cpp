#include "telemetry/log_destination.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "telemetry/write_lines.hpp"

namespace nikawa::telemetry {
namespace {

namespace fs = std::filesystem;
using std::chrono::system_clock;

constexpr std::string_view name_prefix = "access_log.";
constexpr std::size_t name_digits = 12;  // %Y%m%d%H%M

bool is_our_name(std::string_view name) {
    return name.size() == name_prefix.size() + name_digits && name.starts_with(name_prefix) &&
           name.find_first_not_of("0123456789", name_prefix.size()) == std::string_view::npos;
}

bool are_same_file(int a, int b) {
    struct stat first {};
    struct stat second {};
    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

}  // namespace

std::string log_file_name(system_clock::time_point now, std::chrono::seconds interval) {
    // Go truncates a time from the first day of year 1, a Monday: that matters for whole weeks.
    constexpr std::int64_t year_one = -62'135'596'800;
    const std::time_t second = system_clock::to_time_t(now);
    std::tm local{};
    localtime_r(&second, &local);
    std::time_t begin = timegm(&local);
    begin -= (begin - year_one) % interval.count();
    std::tm fields{};
    gmtime_r(&begin, &fields);
    std::array<char, 32> digits{};
    const auto size = std::strftime(digits.data(), digits.size(), "%Y%m%d%H%M", &fields);
    return std::string{name_prefix}.append(digits.data(), size);
}

LogDestination::LogDestination(const LogSettings& settings)
    : keep_(settings.keep),
      rotate_every_(std::max(settings.rotate_every, std::chrono::seconds{60})) {
    if (settings.dir.empty()) {
        fd_ = STDERR_FILENO;
    } else if (settings.dir == "stdout") {
        fd_ = STDOUT_FILENO;
    } else {
        dir_ = settings.dir;
    }
}

LogDestination::~LogDestination() {
    if (is_directory() && fd_ >= 0) close(fd_);
}

LogDestination::Outcome LogDestination::prepare(system_clock::time_point now) {
    if (!is_directory()) return {};
    const auto name = log_file_name(now, rotate_every_);
    return name == name_ ? Outcome{} : open_file(name, now);
}

LogDestination::Outcome LogDestination::reopen(system_clock::time_point now) {
    if (!is_directory()) return {};
    return open_file(log_file_name(now, rotate_every_), now);
}

LogDestination::Outcome LogDestination::open_file(const std::string& name,
                                                  system_clock::time_point now) {
    std::error_code ignored;
    fs::create_directories(dir_, ignored);  // as chocon does; open() names what is wrong
    const auto path = fs::path{dir_} / name;
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return {.error = errno, .doing = "cannot open " + path.string()};

    Outcome outcome;
    if (!unfinished_.empty() && !are_same_file(fd, fd_)) {
        unfinished_.clear();
        outcome.lost_lines = 1;
    }
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
    name_ = name;
    point_link(name);
    remove_old_files(now);
    return outcome;
}

void LogDestination::point_link(const std::string& name) const {
    // The link is relative, so that the directory can be moved, and replaced in one step, so that
    // it is never missing.
    std::error_code error;
    const auto fresh = fs::path{dir_} / (".current." + std::to_string(getpid()));
    fs::remove(fresh, error);
    fs::create_symlink(name, fresh, error);
    if (!error) fs::rename(fresh, fs::path{dir_} / "current", error);
    if (error) fs::remove(fresh, error);
}

void LogDestination::remove_old_files(system_clock::time_point now) const {
    if (keep_ <= std::chrono::seconds::zero()) return;
    const auto oldest = system_clock::to_time_t(now - keep_);
    std::error_code error;
    for (fs::directory_iterator entry{dir_, error}; !error && entry != fs::directory_iterator{};
         entry.increment(error)) {
        const auto name = entry->path().filename().string();
        struct stat status {};
        if (!is_our_name(name) || name == name_) continue;
        if (lstat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
        if (status.st_mtime < oldest) unlink(entry->path().c_str());
    }
}

LogDestination::Outcome LogDestination::write(std::string_view lines,
                                              const std::function<bool()>& give_up) {
    const auto lost = [](std::string_view rest, int error) {
        const auto count = std::count(rest.begin(), rest.end(), '\n');
        return Outcome{static_cast<std::size_t>(count), error, "cannot write"};
    };
    if (!unfinished_.empty()) {
        const auto written = write_lines(fd_, unfinished_, give_up);
        unfinished_.erase(0, written.bytes);
        if (written.error != 0) return lost(lines, written.error);
    }
    const auto written = write_lines(fd_, lines, give_up);
    if (written.error == 0) return {};

    auto rest = lines.substr(written.bytes);
    if (written.bytes > 0 && lines[written.bytes - 1] != '\n') {
        unfinished_ = rest.substr(0, rest.find('\n') + 1);
        rest.remove_prefix(unfinished_.size());
    }
    return lost(rest, written.error);
}

}  // namespace nikawa::telemetry
