#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace nikawa::telemetry {

/// What came of writing lines.
struct Written {
    std::size_t bytes = 0;
    int error = 0;  ///< errno when not all was written; ETIMEDOUT when it was given up
};

/// Writes `lines` to a file, pipe, terminal or socket. Waits as long as the peer of a pipe does not
/// read, asking `give_up` every 100 ms; other processes' writes to the same pipe fall between
/// lines, never into one of up to PIPE_BUF bytes.
Written write_lines(int fd, std::string_view lines, const std::function<bool()>& give_up);

}  // namespace nikawa::telemetry
