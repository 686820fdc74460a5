#include "net/name_record.hpp"

#include <algorithm>
#include <utility>

namespace nikawa::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds first_retry{1};
constexpr seconds last_retry{30};
constexpr milliseconds between_queries{500};

// RFC 8767 §5 has the client wait for 1.8 s. Ours holds up a page that is made of many requests.
constexpr milliseconds longest_wait{500};

// For so long a failure is remembered if there is nothing else to give: a burst asks once.
constexpr seconds life_of_failure{1};

// DNS that failed within this is taken to fail still: longer than the longest time between tries.
constexpr seconds outage{60};

Duration retry_after(unsigned failures) {
    constexpr unsigned doublings_to_the_last = 5;
    return std::min(first_retry * (1 << std::min(failures - 1, doublings_to_the_last)), last_retry);
}

}  // namespace

void NameRecord::begin_query(TimePoint now) {
    is_asked_for_ = true;
    asked_at_ = now;
}

void NameRecord::take_answer(Addresses addresses, Duration life, TimePoint now) {
    is_asked_for_ = false;
    failure_.reset();
    failures_ = 0;
    addresses_ = std::move(addresses);
    answered_at_ = now;
    expires_ = now + life;
    note_sightings(now);
}

void NameRecord::take_failure(const Failure& failure, TimePoint now) {
    is_asked_for_ = false;
    failure_ = failure;
    ++failures_;
    failed_at_ = now;
}

bool NameRecord::needs_query(TimePoint now) const {
    if (is_asked_for_ || is_fresh(now)) return false;
    if (!has_addresses(now)) return !has_failed_within(life_of_failure, now);
    return !has_failed_within(outage, now) || now >= refresh_at();
}

TimePoint NameRecord::refresh_at() const {
    if (!asked_at_) return TimePoint::min();
    auto due = TimePoint::min();
    if (failures_ > 0) {
        due = failed_at_ + retry_after(failures_);
    } else if (!addresses_.empty()) {
        due = answered_at_ + (expires_ - answered_at_) / 5 * 4;
        for (const Sighting& seen : sightings_) {
            if (seen.missing_since == TimePoint::max()) continue;
            const auto leaves = seen.missing_since + rules_.grace;
            if (leaves > answered_at_) due = std::min(due, leaves);
        }
    }
    return std::max(due, *asked_at_ + between_queries);
}

std::optional<Result<Addresses>> NameRecord::reply(TimePoint now) const {
    if (is_fresh(now)) return addresses_;
    if (has_addresses(now)) {
        if (patience(now).at() > now) return std::nullopt;
        return addresses_;
    }
    if (!is_asked_for_ && has_failed_within(life_of_failure, now)) return *failure_;
    return std::nullopt;
}

Deadline NameRecord::patience(TimePoint now) const {
    if (!has_addresses(now)) return Deadline::none();
    if (has_failed_within(outage, now)) return Deadline{now};
    return is_asked_for_ ? Deadline{*asked_at_ + longest_wait} : Deadline::none();
}

Result<Addresses> NameRecord::addresses_or(const Failure& failure, TimePoint now) const {
    if (has_addresses(now)) return addresses_;
    return failure;
}

bool NameRecord::has_left(const IpAddress& address) const {
    return std::any_of(sightings_.begin(), sightings_.end(), [&](const Sighting& seen) {
        return seen.address == address && seen.missing_since != TimePoint::max() &&
               answered_at_ - seen.missing_since >= rules_.grace;
    });
}

bool NameRecord::is_spent(TimePoint now) const {
    return !is_asked_for_ && !has_addresses(now) && !has_failed_within(life_of_failure, now);
}

bool NameRecord::is_fresh(TimePoint now) const { return !addresses_.empty() && now < expires_; }

bool NameRecord::has_addresses(TimePoint now) const {
    return !addresses_.empty() && now < expires_ + rules_.stale;
}

bool NameRecord::has_failed_within(Duration span, TimePoint now) const {
    return failure_.has_value() && now < failed_at_ + span;
}

void NameRecord::note_sightings(TimePoint now) {
    for (Sighting& seen : sightings_) {
        if (std::find(addresses_.begin(), addresses_.end(), seen.address) != addresses_.end()) {
            seen.missing_since = TimePoint::max();
        } else {
            seen.missing_since = std::min(seen.missing_since, now);
        }
    }
    for (const IpAddress& address : addresses_) {
        const auto is_it = [&](const Sighting& seen) { return seen.address == address; };
        if (std::none_of(sightings_.begin(), sightings_.end(), is_it)) {
            sightings_.push_back({address});
        }
    }
    const auto is_missing_longer = [](const Sighting& one, const Sighting& other) {
        return one.missing_since < other.missing_since;
    };
    while (sightings_.size() > max_sightings) {
        const auto longest =
            std::min_element(sightings_.begin(), sightings_.end(), is_missing_longer);
        if (longest->missing_since == TimePoint::max()) break;
        sightings_.erase(longest);
    }
}

}  // namespace nikawa::net
