#pragma once

#include <string_view>

namespace nikawa::daemon {

/// Tells systemd a state: "READY=1", "STOPPING=1" (sd_notify(3)). Does nothing when it did not ask
/// to be told (NOTIFY_SOCKET), and never blocks.
void notify_service_manager(std::string_view state);

}  // namespace nikawa::daemon
