#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "nikawa/telemetry/access_log.hpp"
#include "telemetry/log_destination.hpp"

namespace nikawa::telemetry {

/// The queue between the shards and the thread that writes. Belongs to both of them: a thread that
/// hangs in a system call at the end of the process is left behind with its share.
class LogQueue {
public:
    explicit LogQueue(const LogSettings& settings);

    /// Opens the destination. Errors: in words, with the path.
    std::string open();

    /// Takes the lines out of `buffer`, which comes back empty with room for as many.
    void take(std::string& buffer, std::size_t lines);

    void reopen();

    /// The thread: writes until `finish()` and the queue is empty or the time is up.
    void run();

    /// Ends `run()` and waits for it. False when it still had not ended at `deadline`.
    bool finish(std::chrono::steady_clock::time_point deadline);

    [[nodiscard]] std::uint64_t dropped_lines() const { return dropped_; }

private:
    struct Batch {
        std::string text;
        std::size_t lines;
    };

    void reopen_destination();
    void write(const Batch& batch);
    void note(const LogDestination::Outcome& outcome);
    bool time_is_up();

    LogDestination destination_;  // of the thread alone, once it runs
    std::function<void(std::string_view)> on_trouble_;
    std::chrono::steady_clock::time_point quiet_until_{};  // of the thread alone
    std::uint64_t told_lines_ = 0;                         // of the thread alone

    std::atomic<std::uint64_t> dropped_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Batch> queue_;
    std::size_t queued_bytes_ = 0;
    std::vector<std::string> spare_;  // empty buffers whose memory is used again
    bool reopen_ = false;
    bool ended_ = false;
    std::chrono::steady_clock::time_point finish_by_ = std::chrono::steady_clock::time_point::max();
};

class LogWriter::Impl {
public:
    /// `queue` is nullptr when lines go nowhere.
    Impl(LogFormat format, std::shared_ptr<LogQueue> queue);
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl();

    [[nodiscard]] bool discards() const { return queue_ == nullptr; }
    [[nodiscard]] LogFormat format() const { return format_; }
    void take(std::string& buffer, std::size_t lines) { queue_->take(buffer, lines); }
    void reopen();
    [[nodiscard]] std::uint64_t dropped_lines() const;

private:
    LogFormat format_;
    std::shared_ptr<LogQueue> queue_;
    std::thread thread_;
};

}  // namespace nikawa::telemetry
