#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nikawa::access {

/// Whether `text` is one port or a range of them: "443" or "8000-8999".
bool is_port_range(std::string_view text);

/// A set of ports.
class PortRanges {
public:
    PortRanges() = default;

    /// Of texts that `is_port_range()` has found valid; others are passed over.
    explicit PortRanges(std::span<const std::string> texts);

    [[nodiscard]] bool empty() const { return ranges_.empty(); }
    [[nodiscard]] bool contains(std::uint16_t port) const;

private:
    struct Range {
        std::uint16_t first;
        std::uint16_t last;
    };
    std::vector<Range> ranges_;
};

}  // namespace nikawa::access
