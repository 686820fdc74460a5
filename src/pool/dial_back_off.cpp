#include "nikawa/pool/dial_back_off.hpp"

#include <algorithm>

namespace nikawa::pool {
namespace {

constexpr bool is_silence(Errc code) {
    return code == Errc::connect_timed_out || code == Errc::tls_timed_out;
}

}  // namespace

Duration DialBackOff::varied(Duration pause) {
    if (!has_jitter_) return pause;
    constexpr int tenths_of_percent = 200;
    std::uniform_int_distribution<int> variation{-tenths_of_percent, tenths_of_percent};
    return pause + pause * variation(random_) / 1000;
}

void DialBackOff::note_failure(TimePoint began, TimePoint now, const Failure& why) {
    if (!is_failing(now)) {
        failures_ = 0;
        failing_since_ = now;
    }
    const bool is_same_event = failures_ > 0 && began < failed_at_;
    if (!is_same_event) ++failures_;
    if (is_silence(why.code)) failures_ = std::max(failures_, failures_to_be_out);
    failed_at_ = now;
    last_ = why;
    const auto pause =
        std::clamp<Duration>((now - failing_since_) / 8, shortest_pause, longest_pause);
    next_asked_ = now + varied(std::min(pause, longest_asked_pause));
    next_unasked_ = now + varied(pause);
}

void DialBackOff::note_hindrance(TimePoint now) {
    next_unasked_ = now + varied(longest_asked_pause);
}

void DialBackOff::note_use(TimePoint made) {
    if (is_later(made)) failures_ = 0;
}

bool DialBackOff::is_failing(TimePoint now) const {
    return failures_ > 0 && now - failed_at_ < memory;
}

bool DialBackOff::is_out(TimePoint now) const {
    return failures_ >= failures_to_be_out && is_failing(now);
}

Duration DialBackOff::lasting(TimePoint now) const {
    return is_failing(now) ? now - failing_since_ : Duration::zero();
}

TimePoint DialBackOff::next_asked(TimePoint now) const {
    return is_out(now) ? next_asked_ : TimePoint::min();
}

std::optional<Outage> DialBackOff::outage(TimePoint now) const {
    if (!is_out(now)) return std::nullopt;
    return Outage{.last = last_,
                  .lasting = now - failing_since_,
                  .next_attempt_in = std::max<Duration>(next_asked_ - now, Duration::zero())};
}

}  // namespace nikawa::pool
