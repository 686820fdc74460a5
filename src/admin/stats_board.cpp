#include "nikawa/admin/stats_board.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace nikawa::admin {
namespace {

// The smaller of two durations of which zero is unknown.
Duration shorter(Duration a, Duration b) {
    if (a == Duration::zero() || b == Duration::zero()) return std::max(a, b);
    return std::min(a, b);
}

// What a session costs or allows is the origin's, so the shard that knows it best is believed;
// what there is adds up.
void add(pool::OriginStatus& sum, pool::OriginStatus&& other) {
    sum.counters += other.counters;
    // One that prefers HTTP/2 may have HTTP/1.1 sessions beside it, for upgrades.
    if (!sum.protocol || other.protocol == net::Protocol::http_2) sum.protocol = other.protocol;
    sum.sessions += other.sessions;
    sum.idle_sessions += other.idle_sessions;
    sum.streams += other.streams;
    sum.dials += other.dials;
    sum.waiters += other.waiters;
    sum.recent_peak += other.recent_peak;
    sum.is_warm = sum.is_warm || other.is_warm;
    sum.round_trip = shorter(sum.round_trip, other.round_trip);
    sum.dial_time = shorter(sum.dial_time, other.dial_time);
    if (!sum.idle_limit || (other.idle_limit && *other.idle_limit < *sum.idle_limit)) {
        sum.idle_limit = other.idle_limit;
    }
    if (!sum.outage || (other.outage && other.outage->lasting > sum.outage->lasting)) {
        sum.outage = other.outage;
    }
}

}  // namespace

ShardStats merged(std::vector<ShardStats> shards) {
    ShardStats sum;
    std::map<std::string, pool::OriginStatus> origins;
    for (auto& shard : shards) {
        sum.http += shard.http;
        sum.body_bytes += shard.body_bytes;
        sum.memory_refusals += shard.memory_refusals;
        for (auto& status : shard.origins) {
            auto name = status.origin.to_string();
            const auto found = origins.find(name);
            if (found == origins.end()) {
                origins.emplace(std::move(name), std::move(status));
            } else {
                add(found->second, std::move(status));
            }
        }
    }
    for (auto& [name, status] : origins) sum.origins.push_back(std::move(status));
    return sum;
}

void StatsBoard::publish(std::size_t shard, ShardStats stats) {
    auto published = std::make_shared<const ShardStats>(std::move(stats));
    const std::lock_guard lock{mutex_};
    published_[shard].swap(published);  // what was there is destroyed after the lock
}

std::vector<ShardStats> StatsBoard::others_than(std::size_t shard) const {
    std::vector<Published> published;
    {
        const std::lock_guard lock{mutex_};
        published = published_;
    }
    std::vector<ShardStats> others;
    for (std::size_t i = 0; i < published.size(); ++i) {
        if (i != shard && published[i] != nullptr) others.push_back(*published[i]);
    }
    return others;
}

void StatsReporter::publish() {
    if (board_.shards() > 1) board_.publish(shard_, own());
}

ShardStats StatsReporter::collect() const {
    auto shards = board_.others_than(shard_);
    shards.push_back(own());
    return merged(std::move(shards));
}

}  // namespace nikawa::admin
