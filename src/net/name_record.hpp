#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "nikawa/base/result.hpp"
#include "nikawa/base/time.hpp"
#include "nikawa/net/endpoint.hpp"

namespace nikawa::net {

/// What is known of the addresses of one name, and what follows from it at a given time: when to
/// ask DNS, whom to give what, which address is no longer the name's. It asks nothing itself.
///
/// An answer serves until it expires, and for a while longer if DNS fails (RFC 8767). To fail is
/// all that is not an answer with addresses, NXDOMAIN too: a zone that was broken by an update does
/// not end what runs.
class NameRecord {
public:
    struct Rules {
        Duration stale{};  ///< an expired answer serves so long if DNS fails
        Duration grace{};  ///< so long an address stays the name's without being named
    };

    explicit NameRecord(const Rules& rules) : rules_(rules) {}

    /// A query begins; one of the other three ends it.
    void begin_query(TimePoint now);

    /// `addresses` is not empty, `life` is not zero.
    void take_answer(Addresses addresses, Duration life, TimePoint now);
    void take_failure(const Failure& failure, TimePoint now);

    /// The query could not be made, for a reason of ours: nothing is learned of the name.
    void withdraw_query() { is_asked_for_ = false; }

    [[nodiscard]] bool is_asked_for() const { return is_asked_for_; }

    /// Whether DNS is to be asked for someone who needs the addresses now.
    [[nodiscard]] bool needs_query(TimePoint now) const;

    /// When DNS is to be asked so that no answer expires before the next one is there: at four
    /// fifths of its life; after failures less and less often.
    [[nodiscard]] TimePoint refresh_at() const;

    /// What someone who needs the addresses gets without waiting. If nothing, then a query is on
    /// its way, or `needs_query()`.
    [[nodiscard]] std::optional<Result<Addresses>> reply(TimePoint now) const;

    /// How long someone waits for the query on its way before the old answer will do.
    [[nodiscard]] Deadline patience(TimePoint now) const;

    /// The addresses, of an old answer if need be; or `failure` if there are none to be used.
    [[nodiscard]] Result<Addresses> addresses_or(const Failure& failure, TimePoint now) const;

    /// Whether the answers have left the address out for the grace time. One answer without it is
    /// not enough: balancers name their addresses by turns.
    [[nodiscard]] bool has_left(const IpAddress& address) const;

    /// Whether there are addresses to be given, be it from an old answer.
    [[nodiscard]] bool has_addresses(TimePoint now) const;

    /// Whether the record has nothing to tell any more.
    [[nodiscard]] bool is_spent(TimePoint now) const;

    /// Of addresses not named any more as many are remembered, the latest.
    static constexpr std::size_t max_sightings = 256;

private:
    struct Sighting {
        IpAddress address;
        TimePoint missing_since = TimePoint::max();  // max: the newest answer has named it
    };

    [[nodiscard]] bool is_fresh(TimePoint now) const;
    [[nodiscard]] bool has_failed_within(Duration span, TimePoint now) const;
    void note_sightings(TimePoint now);

    Rules rules_;
    Addresses addresses_;  // of the newest answer; empty: there was none
    TimePoint answered_at_{};
    TimePoint expires_{};
    std::vector<Sighting> sightings_;
    std::optional<Failure> failure_;  // since the newest answer
    unsigned failures_ = 0;           // the same
    TimePoint failed_at_{};
    std::optional<TimePoint> asked_at_;
    bool is_asked_for_ = false;
};

}  // namespace nikawa::net
