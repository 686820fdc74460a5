#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace nikawa::http {

/// How many bytes a peer may have under way and unread on one HTTP/2 stream (RFC 9113 §5.2):
/// doubled, up to a limit, whenever it is less than five times what its holder took while keeping
/// up.
///
/// A sender in slow start sends at most as much in a round trip as all it sent before, and one that
/// is past it all that the path holds at once: a holder who is quicker than the path has to be
/// found out soon. One who is slower finds pieces waiting, and what it takes then does not count;
/// what the kernel takes from us for a client before it is full is less than a fifth of a first
/// window.
class ReceiveWindow {
public:
    constexpr ReceiveWindow(std::size_t first, std::size_t most)
        : first_(std::min(first, most)), most_(most), bytes_(first_) {}

    /// Begins a stream.
    constexpr void start() {
        bytes_ = first_;
        taken_ = 0;
    }

    /// The holder has taken `bytes`, asks for more, and nothing is there. Whether the window grew.
    constexpr bool grow(std::size_t bytes) {
        if (bytes_ == most_) return false;
        taken_ += bytes;
        if (bytes_ / 5 > taken_) return false;
        bytes_ = most_ / 2 < bytes_ ? most_ : 2 * bytes_;
        return true;
    }

    [[nodiscard]] constexpr std::size_t bytes() const { return bytes_; }

private:
    std::size_t first_;
    std::size_t most_;
    std::size_t bytes_;
    std::size_t taken_ = 0;  // by a holder who kept up
};

/// How much to add to what a peer may still send, so that this and what is unread fill the
/// window; 0 while that is less than half of it, because each addition is a frame. `promised` is
/// negative after SETTINGS took away more than the peer had left (RFC 9113 §6.9.2).
constexpr std::size_t window_increment(std::size_t window,
                                       std::int64_t promised,
                                       std::size_t unread) {
    const auto whole = static_cast<std::int64_t>(window);
    const auto missing = whole - promised - static_cast<std::int64_t>(unread);
    return missing > 0 && missing >= whole / 2 ? static_cast<std::size_t>(missing) : 0;
}

}  // namespace nikawa::http
