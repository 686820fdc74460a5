#include "daemon/state_file.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "nikawa/net/unique_fd.hpp"

namespace nikawa::daemon {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr auto write_interval = std::chrono::seconds{30};
constexpr auto finish_time = std::chrono::seconds{2};

std::string words(std::string_view doing, int error) {
    return std::string{doing} + ": " + std::system_category().message(error);
}

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto written = write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

ParsedState read_state_file(const std::string& path, system_clock::time_point now) {
    // Without waiting: what is no regular file, a pipe perhaps, must not hold the start.
    const net::UniqueFd fd{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (fd.get() < 0) {
        return {{}, errno == ENOENT ? std::string{} : words("cannot be read", errno)};
    }
    struct stat status {};
    if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {{}, "is not a file"};
    std::string text(longest_state_bytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const auto got = read(fd.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return {{}, words("cannot be read", errno)};
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return parse_state(text, now);
}

std::string write_state_file(const std::string& path, std::string_view text) {
    const auto fresh = path + '.' + std::to_string(getpid());
    unlink(fresh.c_str());  // a process of before may have left it
    net::UniqueFd fd{open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (fd.get() < 0) return words("cannot create " + fresh, errno);
    if (!write_all(fd.get(), text)) {
        const int error = errno;
        unlink(fresh.c_str());
        return words("cannot write " + fresh, error);
    }
    fd.reset();
    if (std::rename(fresh.c_str(), path.c_str()) == 0) return {};
    const int error = errno;
    unlink(fresh.c_str());
    return words("cannot replace " + path, error);
}

/// What is to be written, and the thread's work. Belongs to the thread and to the `StateFile`.
class StateFile::Writer {
public:
    Writer(std::string path, std::size_t shards, OnTrouble on_trouble)
        : path_(std::move(path)), on_trouble_(std::move(on_trouble)), shares_(shards) {}

    void remember(std::size_t shard, RememberedOrigins origins, Urgency urgency) {
        Share share{std::move(origins), steady_clock::now()};
        const std::lock_guard lock{mutex_};
        std::swap(shares_[shard], share);
        is_changed_ = true;
        is_urgent_ = is_urgent_ || urgency == Urgency::now;
        woken_.notify_all();
    }

    /// The thread: writes until `finish()`.
    void run() {
        std::unique_lock lock{mutex_};
        auto next_write = steady_clock::now();
        for (;;) {
            woken_.wait(lock, [this] { return is_changed_ || is_finished_; });
            woken_.wait_until(lock, next_write, [this] { return is_urgent_ || is_finished_; });
            if (!is_changed_) break;
            is_changed_ = is_urgent_ = false;
            auto shares = shares_;
            lock.unlock();
            write(std::move(shares));
            next_write = steady_clock::now() + write_interval;
            lock.lock();
        }
        has_ended_ = true;
        woken_.notify_all();
    }

    /// Ends `run()`, which writes what it has. False when it still had not ended at the deadline.
    bool finish(steady_clock::time_point deadline) {
        std::unique_lock lock{mutex_};
        is_finished_ = true;
        woken_.notify_all();
        if (woken_.wait_until(lock, deadline, [this] { return has_ended_; })) return true;
        is_left_behind_ = true;
        return false;
    }

private:
    struct Share {
        RememberedOrigins origins;
        steady_clock::time_point as_of{};
    };

    void write(std::vector<Share> shares) {
        RememberedOrigins all;
        for (auto& share : shares) {
            const auto age = steady_clock::now() - share.as_of;
            for (auto& origin : share.origins) {
                if (origin.unused_for) *origin.unused_for += age;
                all.push_back(std::move(origin));
            }
        }
        auto text = format_state(merged(std::move(all)), system_clock::now());
        if (text == written_) return;
        auto problem = write_state_file(path_, text);
        if (problem.empty()) written_ = std::move(text);
        tell(std::move(problem));
    }

    void tell(std::string problem) {
        if (problem == told_) return;
        told_ = std::move(problem);
        // Whoever left us behind has taken with it what this calls; and it may block.
        if (!told_.empty() && !is_left_behind_) on_trouble_(told_);
    }

    const std::string path_;
    const OnTrouble on_trouble_;
    std::string written_;  // of the thread alone
    std::string told_;     // of the thread alone

    std::mutex mutex_;
    std::condition_variable woken_;
    std::vector<Share> shares_;
    bool is_changed_ = false;
    bool is_urgent_ = false;
    bool is_finished_ = false;
    bool has_ended_ = false;
    std::atomic<bool> is_left_behind_ = false;
};

StateFile::StateFile(std::string path, std::size_t shards, OnTrouble on_trouble)
    : writer_(std::make_shared<Writer>(std::move(path), shards, std::move(on_trouble))),
      thread_([owned = writer_] { owned->run(); }) {
    pthread_setname_np(thread_.native_handle(), "state-file");
}

StateFile::~StateFile() {
    if (writer_->finish(steady_clock::now() + finish_time)) {
        thread_.join();
    } else {
        thread_.detach();
    }
}

void StateFile::remember(std::size_t shard, RememberedOrigins origins, Urgency urgency) {
    writer_->remember(shard, std::move(origins), urgency);
}

}  // namespace nikawa::daemon
