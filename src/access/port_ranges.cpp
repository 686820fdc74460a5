#include "nikawa/access/port_ranges.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "nikawa/http/body_framing.hpp"

namespace nikawa::access {
namespace {

std::optional<std::pair<std::uint16_t, std::uint16_t>> parse(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = http::parse_decimal(text.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : http::parse_decimal(text.substr(dash + 1));
    if (!first || !last || *first < 1 || *first > *last || *last > 65535) return std::nullopt;
    return std::pair{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

}  // namespace

bool is_port_range(std::string_view text) { return parse(text).has_value(); }

PortRanges::PortRanges(std::span<const std::string> texts) {
    for (const auto& text : texts) {
        if (const auto range = parse(text)) ranges_.push_back({range->first, range->second});
    }
}

bool PortRanges::contains(std::uint16_t port) const {
    return std::ranges::any_of(
        ranges_, [=](Range range) { return range.first <= port && port <= range.last; });
}

}  // namespace nikawa::access
