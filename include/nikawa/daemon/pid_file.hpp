#pragma once

#include <string>

namespace nikawa::daemon {

/// A file that holds our process id while this lives. It appears whole or not at all; at the end it
/// is removed only if it is still ours: after a restart the next process has put its own in place.
class PidFile {
public:
    /// An empty path means no file. Throws std::runtime_error that names the path.
    explicit PidFile(std::string path);
    PidFile(const PidFile&) = delete;
    PidFile& operator=(const PidFile&) = delete;
    ~PidFile();

private:
    std::string path_;
};

}  // namespace nikawa::daemon
