#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "nikawa/base/memory_budget.hpp"
#include "nikawa/pool/pool_set.hpp"
#include "nikawa/telemetry/http_stats.hpp"

namespace nikawa::admin {

/// What one shard, or all of them together, have to tell.
struct ShardStats {
    std::vector<pool::OriginStatus> origins;
    telemetry::HttpFigures http;
    std::uint64_t body_bytes = 0;       ///< of bodies, held for somebody slow
    std::uint64_t memory_refusals = 0;  ///< exchanges that did not begin because of them
};

/// The same of all shards: one status for each origin, in order of their names.
ShardStats merged(std::vector<ShardStats> shards);

/// Where shards leave a copy of how they stand, for whichever of them is asked.
class StatsBoard {
public:
    explicit StatsBoard(std::size_t shards) : published_(shards) {}

    [[nodiscard]] std::size_t shards() const { return published_.size(); }

    /// From the shard's thread.
    void publish(std::size_t shard, ShardStats stats);

    /// What the others have published, from the shard's thread.
    [[nodiscard]] std::vector<ShardStats> others_than(std::size_t shard) const;

private:
    // Immutable once it is here; shared so that a copy is made outside the lock.
    using Published = std::shared_ptr<const ShardStats>;

    mutable std::mutex mutex_;
    std::vector<Published> published_;
};

/// One shard's way to the board.
class StatsReporter {
public:
    /// All that is given outlives it. `shard` is its place on the board.
    StatsReporter(StatsBoard& board,
                  std::size_t shard,
                  const pool::PoolSet& pools,
                  const telemetry::HttpStats& http,
                  const MemoryBudget& memory)
        : board_(board), shard_(shard), pools_(pools), http_(http), memory_(memory) {}

    /// To be called once a second. Costs nothing when no other shard could ask.
    void publish();

    /// How the daemon stands: this shard now, the others when they last published.
    [[nodiscard]] ShardStats collect() const;

private:
    [[nodiscard]] ShardStats own() const {
        return {pools_.status(), http_.figures(), memory_.held(), memory_.refusals()};
    }

    StatsBoard& board_;
    std::size_t shard_;
    const pool::PoolSet& pools_;
    const telemetry::HttpStats& http_;
    const MemoryBudget& memory_;
};

}  // namespace nikawa::admin
