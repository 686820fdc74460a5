#include "nikawa/pool/pool_set.hpp"

#include <functional>
#include <string_view>

namespace nikawa::pool {
namespace {

// How often pools look after their idle sessions. Nothing depends on it but how long a surplus
// stays.
constexpr auto upkeep_interval = std::chrono::seconds{5};

}  // namespace

PoolSet::PoolSet(loop::Loop& loop, origin::SessionFactory& factory, PoolLimits limits)
    : loop_(loop), factory_(factory), limits_(limits), upkeep_(loop.deadlines(), *this) {}

std::size_t PoolSet::HashOrigin::operator()(const http::Origin& origin) const {
    return std::hash<std::string_view>{}(origin.host) ^ origin.port;
}

OriginPool& PoolSet::pool_of(const http::Origin& origin) {
    const auto found = pools_.find(origin);
    if (found != pools_.end()) return *found->second;
    if (pools_.empty()) upkeep_.arm(Deadline::after(loop_.now(), upkeep_interval));
    auto pool = std::make_unique<OriginPool>(loop_, origin, factory_, limits_);
    if (closed_) pool->close();
    return *pools_.emplace(origin, std::move(pool)).first->second;
}

void PoolSet::close() {
    closed_ = true;
    upkeep_.disarm();
    for (auto& [origin, pool] : pools_) pool->close();
}

void PoolSet::cut_off() {
    close();
    for (auto& [origin, pool] : pools_) pool->cut_off();
}

void PoolSet::expire() noexcept {
    for (auto& [origin, pool] : pools_) pool->upkeep();
    std::erase_if(pools_, [](const auto& entry) { return entry.second->is_empty(); });
    if (!pools_.empty()) upkeep_.arm(Deadline::after(loop_.now(), upkeep_interval));
}

}  // namespace nikawa::pool
