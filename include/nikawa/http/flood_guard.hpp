#pragma once

#include <cstdint>
#include <optional>

#include "nikawa/http/frame_allowance.hpp"
#include "nikawa/http/frame_heads.hpp"

namespace nikawa::http {

/// Watches what a peer sends over HTTP/2 for floods: frames beyond its allowance. Sees the bytes
/// before the library that takes them apart.
class FloodGuard {
public:
    explicit FloodGuard(TimePoint now) : frames_(now) {}

    /// What goes forward; see `FrameAllowance`.
    void earn(std::size_t frames) { frames_.earn(frames); }

    /// We have left a stream on which the peer may send so many bytes until it hears of that.
    void expect_unwanted(std::uint64_t bytes) { unwanted_bytes_ += bytes; }

    /// How many of `bytes` (not empty) to give to the library before the rest is asked about, so
    /// that what few of the frames earn is there for those that follow. Nothing: it is a flood.
    /// `is_left(stream)` says whether nobody wants what comes on that stream.
    template <class IsLeft>
    std::optional<std::size_t> admit(Bytes bytes, TimePoint now, IsLeft&& is_left) {
        std::size_t frames = 0;
        bool is_flood = false;
        const auto read = heads_.read(bytes, [&](const FrameHead& head) {
            if (head.type == data_type && head.size > 0 && unwanted_bytes_ >= head.size &&
                is_left(head.stream)) {
                unwanted_bytes_ -= head.size;  // it left before our reset came
            } else if (!frames_.spend(now)) {
                is_flood = true;
            }
            return !is_flood && ++frames < most_at_once;
        });
        if (is_flood) return std::nullopt;
        return read;
    }

private:
    static constexpr std::uint8_t data_type = 0;  // RFC 9113 §6.1

    // Far fewer than the allowance: a read may bring thousands of honest frames of a few bytes.
    static constexpr std::size_t most_at_once = FrameAllowance::most / 8;

    FrameHeads heads_;
    FrameAllowance frames_;
    std::uint64_t unwanted_bytes_ = 0;  // that may still come on streams we have left
};

}  // namespace nikawa::http
