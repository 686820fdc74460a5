#include "aws/timestamp.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace nikawa::aws {
namespace {

struct Parts {
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
};

constexpr std::array<std::string_view, 12> months{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Reads a text by a pattern: a letter of "YoDhms" stands for a digit of that part, `b` for the
/// name of the month, `_` for a digit of the day or a blank; `y` is a digit of the year in two
/// digits; each other character stands for itself.
std::optional<Parts> read(std::string_view text, std::string_view pattern) {
    Parts parts;
    const auto part = [&](char letter) -> unsigned* {
        switch (letter) {
            case 'Y':
            case 'y': return &parts.year;
            case 'o': return &parts.month;
            case 'D':
            case '_': return &parts.day;
            case 'h': return &parts.hour;
            case 'm': return &parts.minute;
            case 's': return &parts.second;
            default: return nullptr;
        }
    };
    std::size_t at = 0;
    for (const char letter : pattern) {
        if (letter == 'b') {
            const auto* const month = std::ranges::find(months, text.substr(at, 3));
            if (month == months.end()) return std::nullopt;
            parts.month = static_cast<unsigned>(month - months.begin()) + 1;
            at += 3;
            continue;
        }
        if (at == text.size()) return std::nullopt;
        const char c = text[at++];
        unsigned* const number = part(letter);
        if (number == nullptr ? c != letter
                              : (c < '0' || c > '9') && !(letter == '_' && c == ' ')) {
            return std::nullopt;
        }
        if (number != nullptr && c != ' ') *number = *number * 10 + static_cast<unsigned>(c - '0');
    }
    if (at != text.size()) return std::nullopt;
    return parts;
}

std::optional<WallTime> time_of(const Parts& parts) {
    const std::chrono::year_month_day day{std::chrono::year{static_cast<int>(parts.year)},
                                          std::chrono::month{parts.month},
                                          std::chrono::day{parts.day}};
    // What the clock can tell ends in the 23rd century and begins in the 17th.
    if (parts.year < 1970 || parts.year > 2200) return std::nullopt;
    // A leap second is the 60th (RFC 9110 §5.6.7).
    if (!day.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
    return std::chrono::sys_days{day} + std::chrono::hours{parts.hour} +
           std::chrono::minutes{parts.minute} + std::chrono::seconds{parts.second};
}

std::string text_of(const Parts& parts) {
    std::array<char, 80> text{};
    const int size = std::snprintf(text.data(),
                                   text.size(),
                                   "%04u%02u%02uT%02u%02u%02uZ",
                                   parts.year,
                                   parts.month,
                                   parts.day,
                                   parts.hour,
                                   parts.minute,
                                   parts.second);
    return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<Parts> read_date(std::string_view date) {
    if (const auto parts = read(date, "YYYYooDDThhmmssZ")) return parts;
    // The name of the day says nothing new.
    const auto comma = date.find(", ");
    if (comma == date.npos) {
        return read(date.substr(std::min<std::size_t>(3, date.size())), " b _D hh:mm:ss YYYY");
    }
    // botocore writes -0000 for GMT.
    auto rest = date.substr(comma + 2);
    const auto zone = rest.substr(std::min(rest.rfind(' '), rest.size()));
    if (zone != " GMT" && zone != " -0000" && zone != " +0000") return std::nullopt;
    rest.remove_suffix(zone.size());
    if (const auto parts = read(rest, "DD b YYYY hh:mm:ss")) return parts;
    auto parts = read(rest, "DD-b-yy hh:mm:ss");
    if (parts) parts->year += 2000;  // no request that is signed so is older
    return parts;
}

}  // namespace

std::optional<WallTime> parse_timestamp(std::string_view text) {
    const auto parts = read(text, "YYYYooDDThhmmssZ");
    return parts ? time_of(*parts) : std::nullopt;
}

std::optional<WallTime> parse_iso_time(std::string_view text) {
    constexpr std::string_view pattern = "YYYY-oo-DDThh:mm:ss";
    const auto parts = read(text.substr(0, pattern.size()), pattern);
    if (!parts) return std::nullopt;
    auto zone = text.substr(pattern.size());
    if (zone.starts_with('.')) {
        zone.remove_prefix(std::min(zone.find_first_not_of("0123456789", 1), zone.size()));
    }
    if (zone != "Z" && zone != "+00:00") return std::nullopt;
    return time_of(*parts);
}

std::optional<std::string> timestamp_of_date(std::string_view date) {
    const auto parts = read_date(date);
    if (!parts || !time_of(*parts)) return std::nullopt;
    return text_of(*parts);
}

}  // namespace nikawa::aws
