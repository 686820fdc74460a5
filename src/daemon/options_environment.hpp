#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/options_given.hpp"

namespace nikawa::daemon {

/// The options of NIKAWA_* variables.
Given given_in_environment();

/// What an operator should hear of a variable that looks like an option's and is none; empty for
/// all others, those among them that Kubernetes sets beside a service whose name begins with
/// "nikawa". Says nothing of the value.
std::string warning_about_variable(std::string_view name, std::string_view value);

/// The warnings about all variables of the environment.
std::vector<std::string> environment_warnings();

}  // namespace nikawa::daemon
