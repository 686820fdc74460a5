#include "nikawa/pool/retry_budget.hpp"

#include <algorithm>

namespace nikawa::pool {

RetryBudget::Counts& RetryBudget::current(TimePoint now) {
    const Index index = now.time_since_epoch() / span;
    const auto passed = std::min<Index>(index - newest_, spans);
    for (Index i = 0; i < passed; ++i) counts_[static_cast<std::size_t>(index - i) % spans] = {};
    newest_ = index;
    return counts_[static_cast<std::size_t>(index) % spans];
}

bool RetryBudget::try_retry(TimePoint now) {
    Counts& newest = current(now);
    Counts sum;
    for (const Counts& one : counts_) {
        sum.exchanges += one.exchanges;
        sum.retries += one.retries;
        sum.free_retries += one.free_retries;
    }
    // Repeats are no exchanges of their own, or they would allow for more of them.
    const auto repeats = sum.retries + sum.free_retries;
    const auto firsts = sum.exchanges - std::min(sum.exchanges, repeats);
    if (sum.retries >= floor + firsts * percent_ / 100) return false;
    ++newest.retries;
    return true;
}

}  // namespace nikawa::pool
