#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "nikawa/base/time.hpp"
#include "nikawa/net/endpoint.hpp"

namespace nikawa::net {

/// In which order to try the addresses of an origin, by what became of earlier dials.
///
/// Dials are spread: each starts with the address that none has started with for the longest. The
/// family that the resolver prefers comes first, and families take turns (RFC 8305 §4). An address
/// that failed comes last for a while. Origins are named by any key.
class AddressBook {
public:
    /// For so long an address that failed comes last.
    explicit AddressBook(Duration avoid_failed) : avoid_failed_(avoid_failed) {}

    /// The order for a dial that begins now, which counts as one that starts with the first.
    Addresses order(const std::string& origin, const Addresses& resolved, TimePoint now);

    void failed(const std::string& origin, const IpAddress& address, TimePoint now);

    /// What failed before is forgiven.
    void worked(const std::string& origin, const IpAddress& address);

    /// As many origins are remembered at most; one that is forgotten begins afresh.
    static constexpr std::size_t max_origins = 1024;

private:
    struct Entry {
        IpAddress address;
        std::uint64_t started = 0;  // the number of the dial that did; 0: none
        TimePoint avoided_until = TimePoint::min();
    };
    struct Page {
        std::vector<Entry> entries;
        TimePoint used_at{};
    };

    Page& page(const std::string& origin, TimePoint now);
    static Entry& entry(Page& page, const IpAddress& address);

    Duration avoid_failed_;
    std::uint64_t dials_ = 0;
    std::unordered_map<std::string, Page> pages_;
};

}  // namespace nikawa::net
