#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/options_table.hpp"

namespace nikawa::daemon {

/// An option as it stands in one place of a source.
struct GivenOption {
    const OptionRow* row;
    std::string where;  ///< all before the value: "--port=", "/etc/nikawa.conf:3: port = "
    std::vector<std::string> values;
};

/// What one source says, in its order.
using Given = std::vector<GivenOption>;

/// Ends the parsing with a message; caught by parse_options().
struct Refused {
    std::string text;
};

/// That the values are none of those that are allowed.
Refused refusal_of(const GivenOption& given);

/// Whether there is a value at all, or one is not needed.
bool has_what_it_needs(const GivenOption& given);

/// Where the options that hold are set, so that whatever is wrong is named with its place.
class Places {
public:
    /// Replaces what a weaker source said of the option.
    void set(const OptionRow& row, std::vector<GivenOption> given);

    [[nodiscard]] bool has(std::string_view option) const;

    /// The place and `value` behind it: "--ca-file=/etc/ca.pem". Of a list that is set in several
    /// places the one that has the value. An option that is nowhere is named as on the command
    /// line.
    [[nodiscard]] std::string of(std::string_view option, const std::string& value) const;

    /// The same with the value as it is written.
    [[nodiscard]] std::string of(std::string_view option) const;

    std::vector<std::string> map;              ///< of each of Options::map: "/etc/nikawa.conf:3: "
    std::vector<std::string> origin_sections;  ///< of each of Options::origin_sections

private:
    std::map<std::string_view, std::vector<GivenOption>> options_;
};

/// The values of one text: those of a list stand between commas.
std::vector<std::string> values_of(const OptionRow& row, std::string_view text);

/// How a source writes an option.
struct Spelling {
    std::string (*name_of)(const OptionRow&);  ///< "--port", "NIKAWA_PORT"
    std::string_view equals;                   ///< between the name and the value
    Sources source;                            ///< which: `everywhere` for a file, `not_in_file`
                                               ///< for the environment
};

/// "; did you mean --port?", or nothing when no option of that source has a similar name. For the
/// negative of a flag how it is switched off: "; did you mean --insecure=false?".
std::string suggestion(std::string_view name, const Spelling& spelling);

}  // namespace nikawa::daemon
