#include "net/address_book.hpp"

#include <algorithm>

#include "net/connect_race.hpp"

namespace nikawa::net {

Addresses AddressBook::order(const std::string& origin, const Addresses& resolved, TimePoint now) {
    if (resolved.empty()) return {};
    Page& known = page(origin, now);
    std::erase_if(known.entries, [&](const Entry& kept) {
        return kept.avoided_until <= now &&
               std::find(resolved.begin(), resolved.end(), kept.address) == resolved.end();
    });

    const bool prefers_v6 = resolved.front().is_v6();
    const auto started = [&](const IpAddress& address) { return entry(known, address).started; };
    Addresses order = resolved;
    std::stable_sort(order.begin(), order.end(), [&](const IpAddress& a, const IpAddress& b) {
        if (a.is_v6() != b.is_v6()) return a.is_v6() == prefers_v6;
        return started(a) < started(b);
    });
    const auto avoided =
        std::stable_partition(order.begin(), order.end(), [&](const IpAddress& address) {
            return entry(known, address).avoided_until <= now;
        });
    const Addresses last = interleaved({avoided, order.end()});
    order = interleaved({order.begin(), avoided});
    order.insert(order.end(), last.begin(), last.end());
    entry(known, order.front()).started = ++dials_;
    return order;
}

void AddressBook::failed(const std::string& origin, const IpAddress& address, TimePoint now) {
    entry(page(origin, now), address).avoided_until = now + avoid_failed_;
}

void AddressBook::worked(const std::string& origin, const IpAddress& address) {
    const auto known = pages_.find(origin);
    if (known != pages_.end()) entry(known->second, address).avoided_until = TimePoint::min();
}

AddressBook::Page& AddressBook::page(const std::string& origin, TimePoint now) {
    if (pages_.size() >= max_origins && !pages_.contains(origin)) {
        std::erase_if(
            pages_, [&](const auto& known) { return known.second.used_at + avoid_failed_ <= now; });
        if (pages_.size() >= max_origins) pages_.clear();
    }
    Page& found = pages_[origin];
    found.used_at = now;
    return found;
}

AddressBook::Entry& AddressBook::entry(Page& page, const IpAddress& address) {
    const auto found = std::find_if(page.entries.begin(),
                                    page.entries.end(),
                                    [&](const Entry& kept) { return kept.address == address; });
    return found != page.entries.end() ? *found : page.entries.emplace_back(Entry{address});
}

}  // namespace nikawa::net
