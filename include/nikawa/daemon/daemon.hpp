#pragma once

#include "nikawa/daemon/options.hpp"

namespace nikawa::daemon {

/// Runs the daemon until a signal ends it: SIGTERM and SIGINT drain, a second one ends at once,
/// SIGHUP reopens the access log. Gives the process's exit code. What prevents the start is said
/// in one line on stderr.
int run_daemon(Options options);

}  // namespace nikawa::daemon
