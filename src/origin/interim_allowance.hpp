#pragma once

#include <cstddef>

#include "nikawa/base/allowance.hpp"
#include "nikawa/base/failure.hpp"

namespace nikawa::origin {

/// How many interim responses (1xx) an exchange may bring: as a sign of life (102) or of progress
/// (104) they may come for as long as a request takes, and all of them are passed on.
class InterimAllowance final : public Allowance {
public:
    /// More often than anybody looks at a progress bar.
    static constexpr Duration time_of_head = std::chrono::milliseconds{20};

    constexpr InterimAllowance(std::size_t most, TimePoint now)
        : Allowance(most, time_of_head, now) {}
};

/// What becomes of an exchange that is flooded with them: malformed, and the cause says why.
Failure interim_flood();

}  // namespace nikawa::origin
