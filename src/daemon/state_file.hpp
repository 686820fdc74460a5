#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "daemon/state_text.hpp"

namespace nikawa::daemon {

/// Reads the state file. One that is not there is no problem and holds nothing.
ParsedState read_state_file(const std::string& path, std::chrono::system_clock::time_point now);

/// Replaces the state file in one step; only its owner may read it. What is wrong, in words, or
/// nothing.
std::string write_state_file(const std::string& path, std::string_view text);

/// Keeps the state file up to date with what all shards remember. A thread of its own does the
/// writing, so that a hanging disk never holds a shard.
class StateFile {
public:
    /// Called from the writing thread with what the operator should know, once for each trouble.
    using OnTrouble = std::function<void(std::string_view)>;

    enum class Urgency : std::uint8_t {
        whenever,  ///< within half a minute
        now,
    };

    StateFile(std::string path, std::size_t shards, OnTrouble on_trouble);
    StateFile(const StateFile&) = delete;
    StateFile& operator=(const StateFile&) = delete;
    /// Writes what it has, waiting a bounded time (2 s), and ends the thread.
    ~StateFile();

    /// What one shard remembers now, in place of what it said before. Any thread.
    void remember(std::size_t shard, RememberedOrigins origins, Urgency urgency);

private:
    class Writer;
    std::shared_ptr<Writer> writer_;  // the thread's, too: one that hangs is left behind with it
    std::thread thread_;
};

}  // namespace nikawa::daemon
