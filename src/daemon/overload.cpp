#include "daemon/overload.hpp"

#include <spdlog/spdlog.h>

#include <chrono>

namespace nikawa::daemon {
namespace {

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

void Overload::refused(const net::IpAddress& client, TimePoint now) {
    const bool is_client = limits_.is_used_up_by(client);
    const auto open = limits_.open();
    const std::lock_guard lock{mutex_};
    if (!refusals_.note(now)) return;
    if (is_client) {
        spdlog::warn("connections refused: {} of {} in use by {} (max-conns-per-client); {} so far",
                     limits_.per_client(),
                     limits_.per_client(),
                     client.to_string(),
                     refusals_.times());
    } else {
        spdlog::warn("connections refused: {} of {} in use (max-conns); {} so far",
                     open,
                     limits_.total(),
                     refusals_.times());
    }
}

void Overload::out_of_descriptors(TimePoint now) {
    const std::lock_guard lock{mutex_};
    if (!shortages_.note(now)) return;
    spdlog::warn(
        "out of file descriptors: all {} are open; what is idle is closed, and what finds "
        "none is answered 503",
        descriptors_);
}

void Overload::look(TimePoint now) {
    const std::lock_guard lock{mutex_};
    if (const auto ended = refusals_.end(now)) {
        spdlog::info("connections accepted again: {} refused in {:.1f} s",
                     ended->times,
                     seconds(ended->lasted));
    }
    if (const auto ended = shortages_.end(now)) {
        spdlog::info("file descriptors again: {} were missing in {:.1f} s",
                     ended->times,
                     seconds(ended->lasted));
    }
}

}  // namespace nikawa::daemon
