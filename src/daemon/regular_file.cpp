#include "daemon/regular_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "nikawa/net/unique_fd.hpp"

namespace nikawa::daemon {
namespace {

FileText wrong(std::string problem) { return {.problem = std::move(problem)}; }

FileText unreadable() { return wrong("cannot be read: " + std::system_category().message(errno)); }

FileText too_large(std::size_t most_bytes) {
    return wrong("is larger than " + std::to_string(most_bytes / 1024) + "k");
}

}  // namespace

FileText read_regular_file(const std::string& path,
                           std::size_t most_bytes,
                           const FileCheck& check) {
    const net::UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file) return unreadable();
    struct stat status {};
    if (fstat(file.get(), &status) != 0) return unreadable();
    if (!S_ISREG(status.st_mode)) return wrong("is not a regular file");
    if (check) {
        if (auto problem = check(file.get(), status); !problem.empty()) {
            return wrong(std::move(problem));
        }
    }
    FileText out;
    std::array<char, 4096> piece{};
    for (;;) {
        const auto got = read(file.get(), piece.data(), piece.size());
        if (got < 0) return unreadable();
        if (got == 0) return out;
        out.text.append(piece.data(), static_cast<std::size_t>(got));
        if (out.text.size() > most_bytes) return too_large(most_bytes);
    }
}

}  // namespace nikawa::daemon
