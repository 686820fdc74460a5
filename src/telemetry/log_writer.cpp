#include "telemetry/log_writer.hpp"

#include <pthread.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

namespace nikawa::telemetry {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

/// What may wait for the disk: some seconds of lines at full load.
constexpr std::size_t queue_bytes = 4 * 1024 * 1024;
constexpr std::size_t spare_buffers = 4;
constexpr auto trouble_interval = std::chrono::minutes{1};
constexpr auto finish_time = std::chrono::seconds{2};

std::string in_words(const LogDestination::Outcome& outcome) {
    return outcome.doing + ": " + std::system_category().message(outcome.error);
}

/// Blocks all signals while it lives: a thread begun meanwhile inherits that, so that signals, and
/// SIGPIPE of a log pipe, never reach it.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

}  // namespace

LogQueue::LogQueue(const LogSettings& settings)
    : destination_(settings), on_trouble_(settings.on_trouble) {}

std::string LogQueue::open() {
    const auto outcome = destination_.prepare(system_clock::now());
    return outcome.error == 0 ? std::string{} : in_words(outcome);
}

void LogQueue::take(std::string& buffer, std::size_t lines) {
    const std::lock_guard lock{mutex_};
    if (queued_bytes_ + buffer.size() > queue_bytes) {
        dropped_ += lines;
        buffer.clear();
        return;
    }
    queued_bytes_ += buffer.size();
    const auto room = buffer.capacity();
    queue_.push_back({std::move(buffer), lines});
    buffer.clear();
    if (spare_.empty()) {
        buffer.reserve(room);
    } else {
        buffer = std::move(spare_.back());
        spare_.pop_back();
    }
    changed_.notify_all();
}

void LogQueue::reopen() {
    const std::lock_guard lock{mutex_};
    reopen_ = true;
    changed_.notify_all();
}

void LogQueue::run() {
    std::unique_lock lock{mutex_};
    for (;;) {
        changed_.wait(lock, [this] {
            return !queue_.empty() || reopen_ || finish_by_ != steady_clock::time_point::max();
        });
        if (std::exchange(reopen_, false)) {
            lock.unlock();
            reopen_destination();
            lock.lock();
        } else if (!queue_.empty()) {
            auto batch = std::move(queue_.front());
            queue_.pop_front();
            queued_bytes_ -= batch.text.size();
            lock.unlock();
            write(batch);
            batch.text.clear();
            lock.lock();
            if (spare_.size() < spare_buffers) spare_.push_back(std::move(batch.text));
        } else {
            break;
        }
    }
    ended_ = true;
    changed_.notify_all();
}

void LogQueue::reopen_destination() { note(destination_.reopen(system_clock::now())); }

void LogQueue::write(const Batch& batch) {
    if (time_is_up()) {
        dropped_ += batch.lines;
        return;
    }
    if (auto rotated = destination_.prepare(system_clock::now());
        rotated.error != 0 || rotated.lost_lines != 0) {
        note(rotated);
    }
    note(destination_.write(batch.text, [this] { return time_is_up(); }));
}

void LogQueue::note(const LogDestination::Outcome& outcome) {
    dropped_ += outcome.lost_lines;
    const bool news = outcome.error != 0 || dropped_ != told_lines_;
    // Trouble is told on stderr. Where that is what hangs, telling would hang, too: wait until it
    // moves.
    const bool may_speak = outcome.error == 0 || !destination_.is_stderr();
    if (!news || !may_speak || !on_trouble_ || steady_clock::now() < quiet_until_) return;
    if (time_is_up()) return;  // we may have been left behind, and what it calls may be gone
    quiet_until_ = steady_clock::now() + trouble_interval;
    told_lines_ = dropped_;
    std::string text = std::to_string(told_lines_) + " lines dropped so far";
    if (outcome.error != 0) text.append(", ").append(in_words(outcome));
    on_trouble_(text);
}

bool LogQueue::time_is_up() {
    const std::lock_guard lock{mutex_};
    return finish_by_ != steady_clock::time_point::max() && steady_clock::now() >= finish_by_;
}

bool LogQueue::finish(steady_clock::time_point deadline) {
    std::unique_lock lock{mutex_};
    finish_by_ = deadline;
    changed_.notify_all();
    // The thread sees the deadline within a tick; one that hangs in a system call does not.
    constexpr auto grace = std::chrono::milliseconds{300};
    return changed_.wait_until(lock, deadline + grace, [this] { return ended_; });
}

LogWriter::Impl::Impl(LogFormat format, std::shared_ptr<LogQueue> queue)
    : format_(format), queue_(std::move(queue)) {
    if (queue_ == nullptr) return;
    const SignalsBlocked blocked;
    thread_ = std::thread{[owned = queue_] { owned->run(); }};
    pthread_setname_np(thread_.native_handle(), "access-log");
}

LogWriter::Impl::~Impl() {
    if (!thread_.joinable()) return;
    if (queue_->finish(steady_clock::now() + finish_time)) {
        thread_.join();
    } else {
        thread_.detach();
    }
}

void LogWriter::Impl::reopen() {
    if (queue_ != nullptr) queue_->reopen();
}

std::uint64_t LogWriter::Impl::dropped_lines() const {
    return queue_ == nullptr ? 0 : queue_->dropped_lines();
}

LogWriter::LogWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogWriter::~LogWriter() = default;

boost::system::result<std::unique_ptr<LogWriter>, std::string> LogWriter::open(
    const LogSettings& settings) {
    std::shared_ptr<LogQueue> queue;
    if (settings.dir != "none") {
        queue = std::make_shared<LogQueue>(settings);
        if (const auto problem = queue->open(); !problem.empty()) {
            return "access log: " + problem +
                   "; --access-log-dir takes a directory that this user may write to, stdout or "
                   "none";
        }
    }
    auto impl = std::make_unique<Impl>(settings.format, std::move(queue));
    return std::unique_ptr<LogWriter>{new LogWriter{std::move(impl)}};
}

void LogWriter::reopen() { impl_->reopen(); }

std::uint64_t LogWriter::dropped_lines() const { return impl_->dropped_lines(); }

}  // namespace nikawa::telemetry
