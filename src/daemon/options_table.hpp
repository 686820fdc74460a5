#pragma once

#include <string_view>
#include <vector>

#include "daemon/options_rules.hpp"

namespace nikawa::daemon {

/// Where an option may be given.
/// Where an option can be set; each of these includes those before it.
enum class Sources : std::uint8_t { everywhere, not_in_file, command_line };

/// One option: the command line, the environment, the configuration file and --help know of it from
/// here alone.
struct OptionRow {
    char letter;  ///< 0: none
    std::string_view name;
    std::string_view value_name;  ///< of --help; empty for a flag
    std::string_view text;
    std::string_view fallback;  ///< the default as one would write it, or in (brackets) in words
    OptionRule rule;
    Sources sources = Sources::everywhere;
    std::string_view group = {};
};

/// All options in the order of --help, those that `Options` does not hold (--config, --help,
/// --version) included.
const std::vector<OptionRow>& option_table();

/// The row of a long name, or nullptr.
const OptionRow* find_option(std::string_view name);

}  // namespace nikawa::daemon
