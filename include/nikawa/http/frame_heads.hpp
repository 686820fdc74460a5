#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "nikawa/base/bytes.hpp"

namespace nikawa::http {

/// What stands before each frame, RFC 9113 §4.1.
struct FrameHead {
    std::size_t size = 0;  ///< of the payload
    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    std::int32_t stream = 0;
};

/// Finds the frames in what is received, those too that a library passes over without a word.
class FrameHeads {
public:
    /// Gives each head that is complete by the end of `bytes` to `see`, as long as that returns
    /// true; how many of `bytes` were read.
    template <class See>
    std::size_t read(Bytes bytes, See&& see) {
        Bytes left = bytes;
        while (!left.empty()) {
            const auto passed = std::min(payload_left_, left.size());
            payload_left_ -= passed;
            left.remove_prefix(passed);
            const auto more = std::min(head_.size() - head_bytes_, left.size());
            std::copy_n(left.data(), more, head_.data() + head_bytes_);
            head_bytes_ += more;
            left.remove_prefix(more);
            if (head_bytes_ < head_.size()) break;
            head_bytes_ = 0;
            const FrameHead head = decode();
            payload_left_ = head.size;
            if (!see(head)) break;
        }
        return bytes.size() - left.size();
    }

private:
    [[nodiscard]] std::uint32_t octet(std::size_t at) const {
        return static_cast<unsigned char>(head_[at]);
    }
    [[nodiscard]] FrameHead decode() const {
        const auto stream = octet(5) << 24U | octet(6) << 16U | octet(7) << 8U | octet(8);
        return {.size = octet(0) << 16U | octet(1) << 8U | octet(2),
                .type = static_cast<std::uint8_t>(octet(3)),
                .flags = static_cast<std::uint8_t>(octet(4)),
                .stream = static_cast<std::int32_t>(stream & 0x7fffffffU)};
    }

    std::array<char, 9> head_{};
    std::size_t head_bytes_ = 0;
    std::size_t payload_left_ = 0;
};

}  // namespace nikawa::http
