#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "nikawa/base/result.hpp"
#include "nikawa/telemetry/exchange_record.hpp"
#include "nikawa/telemetry/http_stats.hpp"

namespace nikawa::telemetry {

enum class LogFormat : std::uint8_t { json, ltsv };

/// The text of the last second that was formatted: many lines share it.
struct SecondText {
    std::int64_t second = std::numeric_limits<std::int64_t>::min();
    std::string text;
};

/// Appends the line of one exchange, its newline included. The line is valid JSON (or LTSV of one
/// physical line) whatever bytes the record holds: valid UTF-8 passes, control bytes and bytes that
/// are no UTF-8 are escaped.
void append_line(std::string& out,
                 const ExchangeRecord& record,
                 LogFormat format,
                 SecondText& second);

/// Where access lines go.
struct LogSettings {
    std::string dir = {};  ///< a directory, or chocon's words: "" is stderr, "stdout", "none"
    LogFormat format = LogFormat::json;
    std::chrono::seconds keep = std::chrono::hours{24 * 30};     ///< older files go; 0 keeps all
    std::chrono::seconds rotate_every = std::chrono::hours{24};  ///< a new file begins

    /// Called from the writer's thread, at most once a minute, with what the operator should know:
    /// lines dropped so far and why, a file that cannot be opened.
    std::function<void(std::string_view)> on_trouble = {};
};

/// The daemon's one writer of access lines: a thread that does all the blocking, so that a full or
/// hanging disk never holds an exchange. Takes whole lines from each shard's `AccessLog`, keeps at
/// most a few MiB of them, drops the rest, counts them and says so.
class LogWriter {
public:
    /// Opens the destination and starts the thread.
    /// Errors: the message names the path and what to do; nothing is started.
    static boost::system::result<std::unique_ptr<LogWriter>, std::string> open(
        const LogSettings& settings);

    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;
    /// Writes what it has, waiting a bounded time (2 s), and ends the thread.
    ~LogWriter();

    /// Reopens the file before the next write, as after SIGHUP. Async-signal-unsafe; any thread.
    void reopen();

    /// Lines that could not be written so far. Any thread.
    [[nodiscard]] std::uint64_t dropped_lines() const;

private:
    friend class AccessLog;
    class Impl;
    explicit LogWriter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Where one shard's records go: each is counted, formatted into a buffer of the shard's own, and
/// the buffer handed to the writer when it is 64 KiB, or when `flush()` is called (the shard does,
/// every 200 ms while there is something). Costs no system call and no lock for a line.
class AccessLog {
public:
    /// `writer` may be nullptr: nothing is logged. So may `stats`: nothing is counted.
    explicit AccessLog(LogWriter* writer, HttpStats* stats = nullptr);
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;
    ~AccessLog();

    void write(const ExchangeRecord& record);
    void flush();

    [[nodiscard]] bool has_lines() const { return !buffer_.empty(); }

private:
    LogWriter* writer_;
    HttpStats* stats_;
    std::string buffer_;
    std::size_t lines_ = 0;
    SecondText second_;
};

}  // namespace nikawa::telemetry
