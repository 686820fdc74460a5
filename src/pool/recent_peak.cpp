#include "nikawa/pool/recent_peak.hpp"

#include <algorithm>

namespace nikawa::pool {

void RecentPeak::note(TimePoint now, std::size_t count) {
    const auto current = index_of(now);
    const auto passed = std::min<Index>(current - newest_, spans);
    for (Index i = 0; i < passed; ++i) {
        highest_[static_cast<std::size_t>(current - i) % spans] = 0;
    }
    newest_ = current;
    auto& highest = highest_[static_cast<std::size_t>(current) % spans];
    highest = std::max(highest, count);
}

std::size_t RecentPeak::at(TimePoint now) const {
    const auto oldest = index_of(now) - static_cast<Index>(spans) + 1;
    std::size_t peak = 0;
    for (auto i = newest_; i >= oldest && i > newest_ - static_cast<Index>(spans); --i) {
        peak = std::max(peak, highest_[static_cast<std::size_t>(i) % spans]);
    }
    return peak;
}

}  // namespace nikawa::pool
