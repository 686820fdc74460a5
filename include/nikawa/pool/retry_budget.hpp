#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "nikawa/base/time.hpp"

namespace nikawa::pool {

/// What sending a request again costs of the budget.
enum class RetryCost : std::uint8_t {
    free,     ///< the origin has asked for it: it cannot add up to a storm
    counted,  ///< only as long as the budget lasts
};

/// How many requests to an origin may be repeats: a share of the exchanges of the last ten seconds,
/// and ten in any case, so that an origin with little traffic has its repeats, too. An origin that
/// breaks under its load is thus never sent much more than that load.
class RetryBudget {
public:
    static constexpr std::size_t floor = 10;
    static constexpr std::size_t spans = 10;  ///< of a second each
    static constexpr Duration span = std::chrono::seconds{1};

    /// `percent` of the exchanges.
    explicit RetryBudget(unsigned percent) : percent_(percent) {}

    /// An exchange got a stream at `now`, be it for a repeat. Time never goes backwards.
    void note_exchange(TimePoint now) { ++current(now).exchanges; }

    /// A request is repeated at no cost.
    void note_free_retry(TimePoint now) { ++current(now).free_retries; }

    /// Whether a request may be repeated at `now`; if so it is taken to be.
    bool try_retry(TimePoint now);

private:
    using Index = Duration::rep;
    struct Counts {
        std::size_t exchanges = 0;
        std::size_t retries = 0;  // that cost something
        std::size_t free_retries = 0;
    };
    Counts& current(TimePoint now);

    unsigned percent_;
    std::array<Counts, spans> counts_{};
    Index newest_ = 0;  // the span that was last written
};

}  // namespace nikawa::pool
