#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "nikawa/telemetry/exchange_record.hpp"

namespace nikawa::telemetry {

/// How long one exchange took, and when it began.
struct TimeSample {
    std::chrono::system_clock::time_point began;
    Duration took;
};

/// What exchanges came to: a copy to be shown. Those of several shards add up.
struct HttpFigures {
    static constexpr std::size_t statuses = 600;

    std::uint64_t exchanges = 0;
    std::array<std::uint64_t, statuses> by_status{};  ///< index: the status; 0 is all others
    std::vector<TimeSample> samples;                  ///< in no order

    HttpFigures& operator+=(const HttpFigures& other);

    /// Drops all samples but the newest.
    void keep_newest(std::size_t count);
};

/// The times of a set of samples. All are zero when there is none.
struct TimeSummary {
    Duration longest{};
    Duration shortest{};
    Duration average{};
    Duration percentile_90{};
    Duration percentile_95{};
    Duration percentile_99{};
};

/// Percentiles are by the nearest rank: each is the time of one of the samples.
TimeSummary summary_of(std::span<const TimeSample> samples);

/// Counts one shard's exchanges by status and keeps the times of the last of them, each with a
/// chance of one in `sampling_factor`. A few nanoseconds for each; allocates at the beginning only.
class HttpStats {
public:
    /// Both are at least 1.
    HttpStats(std::size_t samples, std::size_t sampling_factor);

    void note(const ExchangeRecord& record);

    /// What was noted so far; to be copied.
    [[nodiscard]] const HttpFigures& figures() const { return figures_; }

private:
    bool is_sampled();

    std::size_t most_samples_;
    std::uint32_t sampling_factor_;
    // Chance, not every third: a page that always makes three requests would show one of them.
    std::minstd_rand chance_;
    std::size_t next_ = 0;  // the oldest sample, once there are as many as are kept
    HttpFigures figures_;
};

}  // namespace nikawa::telemetry
