#pragma once

#include <string>

namespace nikawa::daemon {

/// What --help prints: all options in groups, at most 100 columns wide.
std::string help_text();

/// What --version prints: "nikawa X.Y.Z", and in a second line what it was built with.
std::string version_text();

}  // namespace nikawa::daemon
