#include "nikawa/http/host_pattern.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace nikawa::http {
namespace {

constexpr std::size_t longest_label = 63;  // RFC 1035 §2.3.4
constexpr std::size_t longest_name = 253;

bool is_host_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_name(std::string_view name) {
    if (name.empty() || name.size() > longest_name) return false;
    for (;;) {
        const auto label = name.substr(0, name.find('.'));
        if (label.empty() || label.size() > longest_label) return false;
        if (!std::ranges::all_of(label, is_host_byte)) return false;
        if (label.size() == name.size()) return true;
        name.remove_prefix(label.size() + 1);
    }
}

// No top-level domain is a number: what ends in one is an IPv4 address, or nothing (RFC 1123 §2.1).
bool ends_in_a_number(std::string_view host) {
    const auto last = host.substr(host.rfind('.') + 1);
    return !last.empty() && std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_address(const std::string& text) {
    in6_addr unused{};
    return inet_pton(AF_INET, text.c_str(), &unused) == 1 ||
           inet_pton(AF_INET6, text.c_str(), &unused) == 1;
}

}  // namespace

std::optional<HostPattern> HostPattern::parse(std::string_view text) {
    HostPattern pattern;
    std::string lower{text};
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    pattern.is_wild_ = lower.starts_with('*');
    if (lower == "*") return pattern;
    if (lower.ends_with('.')) lower.pop_back();
    pattern.name_ = pattern.is_wild_ ? lower.substr(1) : lower;
    if (!pattern.is_wild_ && is_address(lower)) return pattern;
    if (pattern.is_wild_ && !pattern.name_.starts_with('.')) return std::nullopt;
    const auto name = std::string_view{pattern.name_}.substr(pattern.is_wild_ ? 1 : 0);
    return is_name(name) && !ends_in_a_number(name) ? std::optional{pattern} : std::nullopt;
}

bool HostPattern::matches(std::string_view host) const {
    if (!is_wild_) return host == name_;
    return host.size() > name_.size() && host.ends_with(name_) && !ends_in_a_number(host) &&
           host.find(':') == std::string_view::npos;
}

}  // namespace nikawa::http
