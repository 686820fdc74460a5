#include "nikawa/proxy/request_id.hpp"

#include <algorithm>
#include <random>

namespace nikawa::proxy {
namespace {

constexpr std::string_view base32hex = "0123456789abcdefghijklmnopqrstuv";

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
}

bool is_all_zeros(std::string_view text) {
    return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

RequestIdSource RequestIdSource::random() {
    std::random_device device;
    const auto high = static_cast<std::uint64_t>(device());
    return {high << 32 | device(), device()};
}

RequestIdSource::Id RequestIdSource::next(std::chrono::system_clock::time_point now) {
    const auto seconds = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
    // 96 bits, the first 64 and the last 32; each digit takes five of them, the last one only one.
    const std::uint64_t high = seconds << 32 | (process_ >> 8 & 0xffffffff);
    const std::uint64_t low = (process_ & 0xff) << 24 | (counter_++ & 0xffffff);
    Id id{};
    for (std::size_t i = 0; i < id.size(); ++i) {
        const auto first_bit = 5 * i;
        std::uint64_t digit = 0;
        for (std::size_t bit = first_bit; bit < first_bit + 5; ++bit) {
            std::uint64_t value = 0;
            if (bit < 64) {
                value = high >> (63 - bit) & 1;
            } else if (bit < 96) {
                value = low >> (95 - bit) & 1;
            }
            digit = digit << 1 | value;
        }
        id[i] = base32hex[digit];
    }
    return id;
}

bool is_usable_request_id(std::string_view id) {
    return !id.empty() && id.size() <= longest_request_id &&
           std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

std::string_view trace_id_of(std::string_view traceparent) {
    // version "-" trace-id "-" parent-id "-" flags
    constexpr std::size_t version_00_bytes = 55;
    if (traceparent.size() < version_00_bytes) return {};
    const auto version = traceparent.substr(0, 2);
    const auto trace_id = traceparent.substr(3, 32);
    const auto parent_id = traceparent.substr(36, 16);
    const auto flags = traceparent.substr(53, 2);
    if (traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-') return {};
    for (const auto part : {version, trace_id, parent_id, flags}) {
        if (!is_lower_hex(part)) return {};
    }
    if (version == "ff" || is_all_zeros(trace_id) || is_all_zeros(parent_id)) return {};
    if (version == "00" && traceparent.size() != version_00_bytes) return {};
    return trace_id;
}

}  // namespace nikawa::proxy
