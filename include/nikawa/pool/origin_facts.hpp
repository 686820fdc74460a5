#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "nikawa/net/dialer.hpp"
#include "nikawa/pool/idle_limit.hpp"
#include "nikawa/pool/recent_peak.hpp"

namespace nikawa::pool {

/// The round trip to an origin: the shortest of the last few handshakes, since a lost packet makes
/// one long and nothing makes one too short.
class RoundTrip {
public:
    void note(Duration measured) {
        recent_[next_] = measured;
        next_ = (next_ + 1) % recent_.size();
    }

    /// Zero while none was measured.
    [[nodiscard]] Duration get() const {
        Duration shortest = Duration::max();
        for (const auto& one : recent_) {
            if (one > Duration::zero()) shortest = std::min(shortest, one);
        }
        return shortest == Duration::max() ? Duration::zero() : shortest;
    }

private:
    std::array<Duration, 8> recent_{};
    std::size_t next_ = 0;
};

/// After how many requests an origin ends a session: learned when two sessions ended after the same
/// number, not both at once, and unlearned when one carried more.
class RequestLimit {
public:
    /// nginx's keepalive_requests, the smallest default of a widespread server.
    static constexpr std::size_t unknown = 1000;

    /// A limit that was learned long ago may not hold any more.
    static constexpr Duration lifetime = std::chrono::hours{6};

    /// The origin ended a session in good order that had carried so many since it was `made`.
    void note_ended(TimePoint made, TimePoint now, std::size_t exchanges) {
        const bool is_same_event = last_ && made < last_->at && now - last_->at < one_event;
        if (exchanges < fewest || is_same_event) return;
        if (last_ && last_->exchanges == exchanges) confirmed_ = End{now, exchanges};
        last_ = End{now, exchanges};
    }

    /// A session has carried so many and goes on.
    void note_carried(std::size_t exchanges) {
        if (confirmed_ && exchanges > confirmed_->exchanges) confirmed_.reset();
    }

    [[nodiscard]] std::size_t at(TimePoint now) const {
        return confirmed_ && now - confirmed_->at < lifetime ? confirmed_->exchanges : unknown;
    }

private:
    struct End {
        TimePoint at;
        std::size_t exchanges;
    };

    // After fewer there are other reasons, and nothing to prepare for.
    static constexpr std::size_t fewest = 50;

    // Sessions that were there together and end together have one cause, a restart of the origin
    // for example.
    static constexpr Duration one_event = std::chrono::seconds{1};

    std::optional<End> confirmed_;
    std::optional<End> last_;
};

/// What was learned of an origin and survives its sessions.
struct OriginFacts {
    std::optional<net::Protocol> protocol;
    bool needs_http_1_1 = false;  ///< it speaks HTTP/2 and has asked for the other (RFC 9113 §7)
    RoundTrip round_trip;
    Duration dial_time{};  ///< what a dial takes from name to TLS, smoothed; zero: unknown
    IdleLimit idle_limit;
    RequestLimit request_limit;
    RecentPeak peak;
    Duration ping_interval = std::chrono::seconds{15};

    void note_dial(const net::DialTimes& times) {
        // A TLS handshake is a round trip and some computing; one of both may have lost a packet.
        const bool both = times.tls > Duration::zero() && times.connect > Duration::zero();
        const auto round = both ? std::min(times.connect, times.tls) : times.connect;
        if (round > Duration::zero()) round_trip.note(round);
        const auto took = times.resolve + times.connect + times.tls;
        dial_time = dial_time == Duration::zero() ? took : (dial_time * 7 + took) / 8;
    }

    /// The origin found our PINGs too many (RFC 9113 §7, ENHANCE_YOUR_CALM).
    void note_calm() {
        constexpr Duration longest = std::chrono::minutes{10};
        if (ping_interval < longest) ping_interval = std::min(ping_interval * 2, longest);
    }
};

}  // namespace nikawa::pool
