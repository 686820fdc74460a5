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

/// Parses a file of options: `name = value` lines; a value is bare, a "string" with \" \\ \n \t, a
/// 'literal' or an [array, of, them] on one line. A bare value may be anything without blanks, so
/// that `read-timeout = 30s` needs no quotes. A name alone is a flag. A line `[kind argument...]`
/// begins a section, to which everything below belongs. # or ; begins a comment where a name or a
/// value could, which is never within a bare value. A byte order mark at the start is skipped.
///
/// The first section is what stands before any such line.
std::variant<std::vector<FileSection>, FileProblem> parse_settings(std::string_view text);

}  // namespace nikawa::daemon
