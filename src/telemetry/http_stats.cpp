#include "nikawa/telemetry/http_stats.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace nikawa::telemetry {

HttpFigures& HttpFigures::operator+=(const HttpFigures& other) {
    exchanges += other.exchanges;
    std::transform(by_status.begin(),
                   by_status.end(),
                   other.by_status.begin(),
                   by_status.begin(),
                   std::plus<>{});
    samples.insert(samples.end(), other.samples.begin(), other.samples.end());
    return *this;
}

void HttpFigures::keep_newest(std::size_t count) {
    if (samples.size() <= count) return;
    const auto end = samples.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(
        samples.begin(), end, samples.end(), [](const TimeSample& a, const TimeSample& b) {
            return a.began > b.began;
        });
    samples.erase(end, samples.end());
}

TimeSummary summary_of(std::span<const TimeSample> samples) {
    if (samples.empty()) return {};
    std::vector<Duration> times;
    times.reserve(samples.size());
    // 64 bits of nanoseconds hold the sum of a million hours.
    Duration sum{};
    for (const auto& sample : samples) {
        times.push_back(sample.took);
        sum += sample.took;
    }
    std::sort(times.begin(), times.end());
    const auto percentile = [&](std::size_t percent) {
        const auto rank = (times.size() * percent + 99) / 100;
        return times[rank - 1];
    };
    return {.longest = times.back(),
            .shortest = times.front(),
            .average = sum / static_cast<Duration::rep>(times.size()),
            .percentile_90 = percentile(90),
            .percentile_95 = percentile(95),
            .percentile_99 = percentile(99)};
}

HttpStats::HttpStats(std::size_t samples, std::size_t sampling_factor)
    : most_samples_(samples),
      sampling_factor_(static_cast<std::uint32_t>(
          std::min<std::size_t>(sampling_factor, std::numeric_limits<std::uint32_t>::max()))) {
    figures_.samples.reserve(most_samples_);
}

void HttpStats::note(const ExchangeRecord& record) {
    ++figures_.exchanges;
    ++figures_.by_status[record.status < HttpFigures::statuses ? record.status : 0];
    if (record.is_tunnel || !is_sampled()) return;
    const TimeSample sample{record.time, record.total};
    if (figures_.samples.size() < most_samples_) {
        figures_.samples.push_back(sample);
        return;
    }
    figures_.samples[next_] = sample;
    if (++next_ == most_samples_) next_ = 0;
}

bool HttpStats::is_sampled() { return chance_() % sampling_factor_ == 0; }

}  // namespace nikawa::telemetry
