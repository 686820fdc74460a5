#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <functional>
#include <string>

namespace nikawa::daemon {

/// The text of a file; or what is wrong with it, in words that follow its name.
struct FileText {
    std::string text = {};
    std::string problem = {};  ///< empty: nothing
};

/// What is wrong with an open file, in such words, before anything of it is read.
using FileCheck = std::function<std::string(int file, const struct stat& status)>;

/// Reads a regular file of at most `most_bytes`. Nothing else is waited for: a FIFO that somebody
/// put in its place would hold up all that the thread serves.
FileText read_regular_file(const std::string& path,
                           std::size_t most_bytes,
                           const FileCheck& check = {});

}  // namespace nikawa::daemon
