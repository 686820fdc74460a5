#pragma once

#include <string>

#include "nikawa/daemon/options.hpp"

namespace nikawa::daemon {

/// What is wrong with options that are each allowed: together, or with the files they name. Empty
/// when nothing is. Changes nothing.
std::string problem_with(const Options& options);

}  // namespace nikawa::daemon
