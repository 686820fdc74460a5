#include "nikawa/pool/origin_status.hpp"

#include <algorithm>
#include <functional>

namespace nikawa::pool {

OriginCounters& OriginCounters::operator+=(const OriginCounters& other) {
    exchanges += other.exchanges;
    warm += other.warm;
    std::transform(dials.begin(), dials.end(), other.dials.begin(), dials.begin(), std::plus<>{});
    std::transform(
        waited.begin(), waited.end(), other.waited.begin(), waited.begin(), std::plus<>{});
    failed_dials += other.failed_dials;
    resumed_dials += other.resumed_dials;
    doubts += other.doubts;
    for (const auto& [code, count] : other.retries) retries[code] += count;
    retries_refused += other.retries_refused;
    saved += other.saved;
    return *this;
}

}  // namespace nikawa::pool
