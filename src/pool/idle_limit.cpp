#include "nikawa/pool/idle_limit.hpp"

#include <algorithm>

namespace nikawa::pool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A session that is closed as soon as it has become idle says nothing about a limit.
constexpr Duration shortest = milliseconds{500};

// Closes so close to each other have one cause.
constexpr Duration one_event = seconds{1};

// Origins look at their timers now and then.
bool agree(Duration a, Duration b) {
    const Duration tolerance = std::max<Duration>(seconds{1}, std::max(a, b) / 10);
    return std::max(a, b) - std::min(a, b) <= tolerance;
}

}  // namespace

void IdleLimit::note_closed(TimePoint now, Duration idle) {
    if (idle < shortest) return;
    const Close close{now, idle};
    const auto confirms = [&](const std::optional<Close>& other) {
        return other && now - other->at >= one_event && agree(other->idle, idle);
    };
    if (confirms(confirmed_)) {
        confirmed_ = Close{now, std::min(confirmed_->idle, idle)};
        return;
    }
    const auto first = std::find_if(unconfirmed_.begin(), unconfirmed_.end(), confirms);
    if (first != unconfirmed_.end()) {
        confirmed_ = Close{now, std::min((*first)->idle, idle)};
        unconfirmed_.fill(std::nullopt);
        return;
    }
    const bool same_event = std::any_of(unconfirmed_.begin(), unconfirmed_.end(), [&](auto& other) {
        return other && now - other->at < one_event && agree(other->idle, idle);
    });
    if (same_event) return;
    unconfirmed_[oldest_] = close;
    oldest_ = (oldest_ + 1) % unconfirmed_.size();
}

void IdleLimit::restore(TimePoint now, Duration limit) { confirmed_ = Close{now, limit}; }

std::optional<Duration> IdleLimit::at(TimePoint now) const {
    if (!confirmed_ || now - confirmed_->at >= lifetime) return advertised_;
    return advertised_ ? std::min(*advertised_, confirmed_->idle) : confirmed_->idle;
}

}  // namespace nikawa::pool
