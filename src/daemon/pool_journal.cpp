#include "daemon/pool_journal.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>

namespace nikawa::daemon {
namespace {

double milliseconds_of(Duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

void PoolJournal::dialled(const http::Origin& origin,
                          pool::DialReason reason,
                          const net::IpAddress& address,
                          const net::DialTimes& times) noexcept {
    std::erase(unreached_, origin);
    if (debug_ == nullptr) return;
    debug_(fmt::format("{}: connected to {} for {}; name {:.1f} ms, TCP {:.1f} ms, TLS {:.1f} ms",
                       origin.to_string(),
                       address.to_string(),
                       pool::name_of(reason),
                       milliseconds_of(times.resolve),
                       milliseconds_of(times.connect),
                       milliseconds_of(times.tls)));
}

void PoolJournal::dial_failed(const http::Origin& origin,
                              pool::DialReason reason,
                              const net::DialFailure& why,
                              Duration took) noexcept {
    const bool is_told = std::erase(unreached_, origin) > 0;
    if (is_told) warn_(fmt::format("warm: {}: {}", origin.to_string(), describe(why)));
    if (debug_ == nullptr) return;
    debug_(fmt::format("{}: no connection{} for {} after {:.1f} ms: {}",
                       origin.to_string(),
                       why.peer ? " to " + why.peer->to_string() : "",
                       pool::name_of(reason),
                       milliseconds_of(took),
                       describe(why)));
}

void PoolJournal::session_ended(const http::Origin& origin,
                                pool::DialReason why,
                                const net::IpAddress& address,
                                Duration age,
                                std::size_t exchanges) noexcept {
    if (debug_ == nullptr) return;
    debug_(fmt::format("{}: connection to {} ended for {} after {:.1f} s, requests: {}",
                       origin.to_string(),
                       address.to_string(),
                       pool::name_of(why),
                       std::chrono::duration<double>(age).count(),
                       exchanges));
}

}  // namespace nikawa::daemon
