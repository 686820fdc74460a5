#pragma once

#include <string>
#include <string_view>

namespace nikawa::daemon {

/// The log of the operator, spdlog's default one: a line to stderr for each message of at least
/// `level` (a name of spdlog's), whatever is in the message: it may tell what others have sent.
void open_diagnostic_log(const std::string& level);

/// The text with each control character (which could end the line, or move a terminal's cursor) as
/// `\x` and two digits.
std::string without_controls(std::string_view text);

}  // namespace nikawa::daemon
