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

struct FileProblem {
    std::size_t line;
    std::string text;
};

/// Parses the flat subset of TOML that suits options: `name = value` lines; a value is bare, a
/// "string" with \" \\ \n \t, a 'literal' or an [array, of, them] on one line; # begins a comment.
/// A bare value may be anything without blanks, so that `read-timeout = 30s` needs no quotes. A
/// name alone is a flag.
std::variant<std::vector<FileSetting>, FileProblem> parse_settings(std::string_view text);

}  // namespace nikawa::daemon
