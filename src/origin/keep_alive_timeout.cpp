#include "origin/keep_alive_timeout.hpp"

#include <algorithm>
#include <charconv>

#include "nikawa/base/bytes.hpp"

namespace nikawa::origin {
namespace {

constexpr std::chrono::seconds longest = std::chrono::hours{24};

Bytes trimmed(Bytes text) {
    constexpr std::string_view dropped = " \t\"";
    const auto first = text.find_first_not_of(dropped);
    if (first == Bytes::npos) return {};
    return text.substr(first, text.find_last_not_of(dropped) + 1 - first);
}

std::optional<std::chrono::seconds> timeout_of(Bytes parameter) {
    const auto equals = parameter.find('=');
    if (equals == Bytes::npos) return std::nullopt;
    if (!http::equal_ignoring_case(trimmed(parameter.substr(0, equals)), "timeout")) {
        return std::nullopt;
    }
    const Bytes digits = trimmed(parameter.substr(equals + 1));
    std::uint32_t seconds = 0;
    const auto* const end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, seconds);
    if (read.ptr != end) return std::nullopt;
    if (read.ec == std::errc::result_out_of_range) return longest;
    if (read.ec != std::errc{} || seconds == 0) return std::nullopt;
    return std::min(std::chrono::seconds{seconds}, longest);
}

}  // namespace

std::optional<Duration> keep_alive_timeout(const http::FieldBlock& fields) {
    std::optional<Duration> shortest;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].id != http::FieldId::keep_alive) continue;
        http::for_each_in_list(fields[i].value, [&](Bytes parameter) {
            const auto timeout = timeout_of(parameter);
            if (timeout) shortest = std::min<Duration>(shortest.value_or(*timeout), *timeout);
        });
    }
    return shortest;
}

}  // namespace nikawa::origin
