#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include "nikawa/base/failure.hpp"
#include "nikawa/base/time.hpp"

namespace nikawa::pool {

/// That, and for how long, no connection to an origin could be made.
struct Outage {
    Failure last;                ///< of the last attempt
    Duration lasting{};          ///< since the first attempt that failed
    Duration next_attempt_in{};  ///< zero: one is under way
};

/// When an origin whose dials fail may be dialled again. It asks no clock and does nothing itself.
///
/// A session that ends before it was of any use counts as a dial that failed. The first failures in
/// a row change little; from the third on, or once an attempt has met nothing but silence until its
/// timeout (which is several attempts, and holds up whoever waits), the origin is *out*: it is
/// dialled once at a time, after a pause of an eighth of the time that it has been so. The pause is
/// short while somebody asks for the origin, so that it is noticed soon that it is back; else it
/// grows to a minute.
class DialBackOff {
public:
    static constexpr unsigned failures_to_be_out = 3;
    static constexpr Duration shortest_pause = std::chrono::milliseconds{200};
    static constexpr Duration longest_asked_pause = std::chrono::seconds{3};
    static constexpr Duration longest_pause = std::chrono::minutes{1};

    /// After so long without an attempt nothing is known any more.
    static constexpr Duration memory = std::chrono::minutes{2};

    /// Pauses vary by a fifth to either side, so that the daemons of a site do not dial in step; by
    /// the seed, so that a test knows by how much. 0: they do not.
    explicit DialBackOff(std::uint32_t seed) : random_(seed), has_jitter_(seed != 0) {}

    /// An attempt that began at `began` has failed. Attempts that were under way at once and fail
    /// together are one failure.
    void note_failure(TimePoint began, TimePoint now, const Failure& why);

    /// An attempt has failed for a reason that is not the origin's: who needs no stream yet waits.
    void note_hindrance(TimePoint now);

    /// A session that was made at `made` is of use.
    void note_use(TimePoint made);

    /// Whether the last attempt that is known of has failed.
    [[nodiscard]] bool is_failing(TimePoint now) const;

    /// Whether so many have failed that the origin is spared.
    [[nodiscard]] bool is_out(TimePoint now) const;

    /// How long it has been failing; zero if it is not.
    [[nodiscard]] Duration lasting(TimePoint now) const;

    /// When it may be dialled for somebody who asks; while it is not out that is at any time.
    [[nodiscard]] TimePoint next_asked(TimePoint now) const;

    /// When it may be dialled ahead of demand.
    [[nodiscard]] TimePoint next_unasked() const { return next_unasked_; }

    /// Whether a session made at `made` came after the last failure.
    [[nodiscard]] bool is_later(TimePoint made) const { return made >= failed_at_; }

    /// Nothing if it is not out.
    [[nodiscard]] std::optional<Outage> outage(TimePoint now) const;

private:
    Duration varied(Duration pause);

    std::minstd_rand random_;
    bool has_jitter_;
    unsigned failures_ = 0;  // in a row
    TimePoint failing_since_{};
    TimePoint failed_at_{};
    Failure last_{};
    TimePoint next_asked_{};
    TimePoint next_unasked_{};
};

}  // namespace nikawa::pool
