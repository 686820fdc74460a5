#pragma once

#include "daemon/options_given.hpp"

namespace nikawa::daemon {

/// The options of the command line. Throws `Refused` for what is no option.
Given given_on_command_line(int argc, const char* const* argv);

}  // namespace nikawa::daemon
