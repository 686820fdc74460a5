#include "nikawa/pool/pool_set.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace nikawa::pool {
namespace {

// How often the set looks for pools that are of no more use.
constexpr auto upkeep_interval = std::chrono::seconds{5};

// What was learned of an origin is of use for so long after its last exchange; not of very many.
constexpr auto memory = std::chrono::hours{1};
constexpr std::size_t most_pools = 2000;

}  // namespace

PoolSet::PoolSet(loop::Loop& loop, origin::SessionFactory& factory, PoolLimits limits)
    : loop_(loop), factory_(factory), limits_(limits), upkeep_(loop.deadlines(), *this) {}

std::size_t PoolSet::hash_of(const http::Origin& origin) {
    return std::hash<std::string_view>{}(origin.host) ^ origin.port;
}

OriginPool& PoolSet::pool_of(const http::Origin& origin, SessionKind kind) {
    const auto found = pools_.find(KeyView{origin, kind});
    if (found != pools_.end()) {
        const bool is_replaced = kind == SessionKind::any && found->second->needs_http_1_1();
        return is_replaced ? pool_of(origin, SessionKind::http_1_1) : *found->second;
    }
    if (pools_.empty()) upkeep_.arm(Deadline::after(loop_.now(), upkeep_interval));
    auto pool = std::make_unique<OriginPool>(loop_, origin, factory_, limits_, kind);
    if (closed_) pool->close();
    return *pools_.emplace(Key{origin, kind}, std::move(pool)).first->second;
}

OriginPool& PoolSet::pool_for_upgrade(const http::Origin& origin) {
    if (origin.scheme == http::Scheme::http) return pool_of(origin);
    const auto found = pools_.find(KeyView{origin, SessionKind::any});
    const bool is_known = found != pools_.end() && found->second->protocol();
    const auto protocol = is_known ? *found->second->protocol() : net::Protocol::http_2;
    return protocol == net::Protocol::http_1_1 ? *found->second
                                               : pool_of(origin, SessionKind::http_1_1);
}

void PoolSet::require_http_1_1(const http::Origin& origin) {
    const auto found = pools_.find(KeyView{origin, SessionKind::any});
    if (found != pools_.end()) found->second->note_http_1_1_required();
}

void PoolSet::restore(const std::vector<RememberedOrigin>& remembered) {
    for (const auto& one : remembered) {
        if (one.requires_http_1_1) pool_of(one.origin).note_http_1_1_required();
        pool_of(one.origin).restore(one);
    }
}

// The pool of HTTP/1.1 sessions that has the requests of this one, or itself while nobody asked for
// that yet.
const OriginPool& PoolSet::serving_in_place_of(const OriginPool& pool) const {
    const auto found = pools_.find(KeyView{pool.origin(), SessionKind::http_1_1});
    return found != pools_.end() && found->second->last_used() ? *found->second : pool;
}

bool PoolSet::is_warming() const {
    return std::ranges::any_of(pools_,
                               [](const auto& entry) { return entry.second->is_warming(); });
}

std::vector<RememberedOrigin> PoolSet::remember() const {
    std::vector<RememberedOrigin> remembered;
    for (const auto& [key, pool] : pools_) {
        if (key.kind != SessionKind::any) continue;
        const OriginPool& serving = pool->needs_http_1_1() ? serving_in_place_of(*pool) : *pool;
        if (!serving.last_used()) continue;
        remembered.push_back(serving.remember());
        remembered.back().requires_http_1_1 = pool->needs_http_1_1();
    }
    return remembered;
}

std::vector<OriginStatus> PoolSet::status() const {
    std::vector<OriginStatus> status;
    status.reserve(pools_.size());
    for (const auto& [key, pool] : pools_) status.push_back(pool->status());
    return status;
}

void PoolSet::close() {
    closed_ = true;
    upkeep_.disarm();
    for (auto& [key, pool] : pools_) pool->close();
}

void PoolSet::cut_off() {
    close();
    for (auto& [key, pool] : pools_) pool->cut_off();
}

void PoolSet::expire() noexcept {
    move_pins();
    limit_warm_origins();
    std::erase_if(pools_, [this](const auto& entry) { return is_forgettable(*entry.second); });
    if (!pools_.empty()) upkeep_.arm(Deadline::after(loop_.now(), upkeep_interval));
}

// To the pools that serve in place of those that were pinned.
void PoolSet::move_pins() {
    std::vector<http::Origin> origins;
    for (const auto& [key, pool] : pools_) {
        if (pool->is_pinned() && pool->needs_http_1_1()) origins.push_back(key.origin);
    }
    for (const auto& origin : origins) {
        OriginPool& pool = pool_of(origin);
        if (!pool.is_pinned()) pool.pin();
    }
}

bool PoolSet::is_forgettable(const OriginPool& pool) const {
    if (!pool.is_empty() || pool.is_warm()) return false;
    if (pool.needs_http_1_1()) {  // what it knows is of use as long as the other pool
        if (pool.is_pinned() || pools_.contains(KeyView{pool.origin(), SessionKind::http_1_1})) {
            return false;
        }
    }
    if (pool.is_failing() && pools_.size() <= most_pools) return false;
    const auto used = pool.last_used();
    return !used || loop_.now() - *used >= memory || pools_.size() > most_pools;
}

void PoolSet::limit_warm_origins() {
    const std::size_t most = limits_.max_warm_origins;
    if (pools_.size() <= most) return;
    std::vector<OriginPool*> warm;
    for (auto& [key, pool] : pools_) {
        if (pool->is_warm() && !pool->is_pinned()) warm.push_back(pool.get());
    }
    if (warm.size() <= most) return;
    const auto first_kept = warm.end() - static_cast<std::ptrdiff_t>(most);
    std::nth_element(warm.begin(), first_kept, warm.end(), [](const auto* a, const auto* b) {
        return a->last_used() < b->last_used();
    });
    std::for_each(warm.begin(), first_kept, [](OriginPool* pool) { pool->let_go(); });
}

}  // namespace nikawa::pool
