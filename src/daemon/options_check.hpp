#pragma once

#include <string>

#include "daemon/options_given.hpp"
#include "nikawa/daemon/options.hpp"

namespace nikawa::daemon {

/// What is wrong with options that are each allowed: together, or with the files they name; first
/// its place. Empty when nothing is. Changes nothing.
std::string problem_with(const Options& options, const Places& places);

}  // namespace nikawa::daemon
