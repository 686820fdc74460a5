#include "demo/delay_line.hpp"

#include <algorithm>
#include <utility>

namespace nikawa::demo {

void DelayLine::send(Kind kind, std::string bytes, TimePoint now) {
    last_due_ = std::max(last_due_, now + delay_ + std::exchange(first_extra_, Duration::zero()));
    bytes_under_way_ += bytes.size();
    flights_.push_back({last_due_, kind, std::move(bytes)});
}

void DelayLine::take(std::size_t bytes) {
    Flight& flight = flights_.front();
    flight.taken += bytes;
    bytes_under_way_ -= bytes;
    if (flight.taken == flight.bytes.size()) flights_.pop_front();
}

void DelayLine::clear() {
    flights_.clear();
    bytes_under_way_ = 0;
}

}  // namespace nikawa::demo
