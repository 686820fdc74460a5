#include "telemetry/write_lines.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace nikawa::telemetry {
namespace {

bool is_regular_file(int fd) {
    struct stat status {};
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/// The next piece for a pipe: poll() promises room for PIPE_BUF bytes, and no more may be written
/// without blocking or being interleaved. Ends with a line where it can.
std::string_view pipe_piece(std::string_view lines) {
    if (lines.size() <= PIPE_BUF) return lines;
    const auto last = lines.rfind('\n', PIPE_BUF - 1);
    return lines.substr(0, last == std::string_view::npos ? PIPE_BUF : last + 1);
}

bool wait_writable(int fd, const std::function<bool()>& give_up) {
    constexpr int tick_ms = 100;
    for (;;) {
        pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
        if (poll(&entry, 1, tick_ms) > 0) return true;  // or an error, which write() will name
        if (give_up()) return false;
    }
}

}  // namespace

Written write_lines(int fd, std::string_view lines, const std::function<bool()>& give_up) {
    const bool regular = is_regular_file(fd);
    Written written;
    while (written.bytes < lines.size()) {
        const auto rest = lines.substr(written.bytes);
        if (!regular && !wait_writable(fd, give_up)) {
            written.error = ETIMEDOUT;
            break;
        }
        const auto piece = regular ? rest : pipe_piece(rest);
        const auto count = write(fd, piece.data(), piece.size());
        if (count > 0) {
            written.bytes += static_cast<std::size_t>(count);
        } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
            written.error = count == 0 ? EIO : errno;
            break;
        }
    }
    return written;
}

}  // namespace nikawa::telemetry
