#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nikawa::daemon {

/// One line "name = value" of a configuration file.
struct FileSetting {
    std::size_t line;
    std::string name;
    std::vector<std::string> values;  ///< more or less than one only from an array
};

/// What stands below a line "[kind argument...]" and before the next such line.
struct FileSection {
    std::size_t line = 0;
    std::string kind;  ///< empty: what stands before the first of them
    std::vector<std::string> arguments;
    std::vector<FileSetting> settings;
};

struct FileProblem {
    std::size_t line;
    std::string text;
};

/// Parses the subset of TOML that suits options: `name = value` lines; a value is bare, a "string"
/// with \" \\ \n \t, a 'literal' or an [array, of, them] on one line; # begins a comment. A bare
/// value may be anything without blanks, so that `read-timeout = 30s` needs no quotes. A name alone
/// is a flag. A line `[kind argument...]` begins a section, to which everything below belongs.
///
/// The first section is what stands before any such line.
std::variant<std::vector<FileSection>, FileProblem> parse_settings(std::string_view text);

}  // namespace nikawa::daemon
