#pragma once

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "nikawa/telemetry/access_log.hpp"

namespace nikawa::telemetry {

/// The name of the file that begins with the interval around `now`: "access_log.202601020000". As
/// chocon's, an interval begins where local time, counted as if it had no offset, is a multiple of
/// its length.
std::string log_file_name(std::chrono::system_clock::time_point now, std::chrono::seconds interval);

/// Where lines end up: stderr, stdout, or the files of a directory, of which the newest is also
/// called `current`. Knows no clock: `now` is told. All its calls may block.
class LogDestination {
public:
    /// What came of a call: lines that are lost for good, and errno with what was being done.
    struct Outcome {
        std::size_t lost_lines = 0;
        int error = 0;
        std::string doing;
    };

    /// Opens nothing: `prepare()` does.
    explicit LogDestination(const LogSettings& settings);
    LogDestination(const LogDestination&) = delete;
    LogDestination& operator=(const LogDestination&) = delete;
    ~LogDestination();

    /// Opens the file of `now` when it is not the one that is open, points `current` to it and
    /// removes files that are too old. On an error the file that was open stays so.
    Outcome prepare(std::chrono::system_clock::time_point now);

    /// Opens the file again, which creates it where it was moved away.
    Outcome reopen(std::chrono::system_clock::time_point now);

    /// Writes whole lines. A line that was cut off by an error is finished before the next one, so
    /// that no line is torn while the file stays the same.
    Outcome write(std::string_view lines, const std::function<bool()>& give_up);

    /// A directory's files, rather than a stream that others write to as well.
    [[nodiscard]] bool is_directory() const { return !dir_.empty(); }

    /// Where the diagnostic log goes, too.
    [[nodiscard]] bool is_stderr() const { return !is_directory() && fd_ == STDERR_FILENO; }

private:
    Outcome open_file(const std::string& name, std::chrono::system_clock::time_point now);
    void point_link(const std::string& name) const;
    void remove_old_files(std::chrono::system_clock::time_point now) const;

    std::string dir_;  ///< empty for a stream
    std::chrono::seconds keep_;
    std::chrono::seconds rotate_every_;
    int fd_ = -1;  ///< owned when `is_directory()`
    std::string name_;
    std::string unfinished_;  ///< the rest of a line that is half written
};

}  // namespace nikawa::telemetry
