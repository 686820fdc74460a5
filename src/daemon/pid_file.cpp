#include "nikawa/daemon/pid_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace nikawa::daemon {

PidFile::PidFile(std::string path) : path_(std::move(path)) {
    if (path_.empty()) return;
    const auto pid = std::to_string(getpid());
    const auto fresh = path_ + "." + pid;
    const auto fail = [&] {
        const auto reason = std::system_category().message(errno);
        std::remove(fresh.c_str());
        throw std::runtime_error{"pid-file " + path_ + ": cannot be written: " + reason};
    };
    std::ofstream file{fresh, std::ios::trunc};
    file << pid << '\n' << std::flush;
    if (!file) fail();
    if (std::rename(fresh.c_str(), path_.c_str()) != 0) fail();
}

PidFile::~PidFile() {
    if (path_.empty()) return;
    pid_t pid = 0;
    if (std::ifstream{path_} >> pid && pid == getpid()) std::remove(path_.c_str());
}

}  // namespace nikawa::daemon
