#include "daemon/state_text.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "daemon/options_values.hpp"

namespace nikawa::daemon {
namespace {

using Json = nlohmann::json;
using std::chrono::system_clock;

constexpr int version = 1;

// Whatever is beyond these was not measured by us.
constexpr double longest_round_trip_ms = 60e3;
constexpr double longest_idle_limit_ms = 7 * 86400e3;
constexpr std::int64_t highest_peak = 1'000'000;
constexpr std::int64_t clock_error_seconds = 86400;

constexpr auto* http_1_1_required = "http_1_1_required";

/// Reads one entry; `is_absurd()` once something in it cannot be true.
class EntryReader {
public:
    EntryReader(const Json& entry, system_clock::time_point now) : entry_(entry), now_(now) {}

    std::optional<pool::RememberedOrigin> read() {
        if (!entry_.is_object()) return std::nullopt;
        const auto* const url = find("origin");
        if (url == nullptr || !url->is_string()) return std::nullopt;
        const auto origin = parse_origin_url(url->get_ref<const std::string&>());
        if (!origin) return std::nullopt;
        pool::RememberedOrigin remembered;
        remembered.origin = *origin;
        remembered.protocol = protocol();
        remembered.requires_http_1_1 = requires_http_1_1();
        remembered.round_trip = milliseconds("round_trip_ms", longest_round_trip_ms);
        remembered.idle_limit = milliseconds("idle_limit_ms", longest_idle_limit_ms);
        remembered.peak = peak();
        remembered.unused_for = unused_for();
        if (is_absurd_) return std::nullopt;
        return remembered;
    }

private:
    /// The value of a key, nullptr when it is null or not there.
    const Json* find(const char* key) const {
        const auto found = entry_.find(key);
        return found == entry_.end() || found->is_null() ? nullptr : &*found;
    }

    std::optional<net::Protocol> protocol() {
        const auto* const value = find("protocol");
        if (value == nullptr) return std::nullopt;
        if (*value == "h2") return net::Protocol::http_2;
        if (*value == "http/1.1") return net::Protocol::http_1_1;
        is_absurd_ = true;
        return std::nullopt;
    }

    bool requires_http_1_1() {
        const auto* const value = find(http_1_1_required);
        if (value == nullptr) return false;
        if (!value->is_boolean()) is_absurd_ = true;
        return *value == true;
    }

    std::optional<Duration> milliseconds(const char* key, double longest) {
        const auto* const value = find(key);
        if (value == nullptr) return std::nullopt;
        const auto count = value->is_number() ? value->get<double>() : -1;
        if (!(count > 0 && count <= longest)) {
            is_absurd_ = true;
            return std::nullopt;
        }
        return std::chrono::duration_cast<Duration>(
            std::chrono::duration<double, std::milli>{count});
    }

    std::optional<std::int64_t> integer(const char* key, std::int64_t high) {
        const auto* const value = find(key);
        if (value == nullptr) return std::nullopt;
        // What does not fit a signed number is unsigned to the library.
        const bool fits = value->is_number_integer() && *value >= 0 && *value <= high;
        if (!fits) is_absurd_ = true;
        return fits ? std::optional{value->get<std::int64_t>()} : std::nullopt;
    }

    std::size_t peak() {
        return static_cast<std::size_t>(integer("peak", highest_peak).value_or(0));
    }

    std::optional<Duration> unused_for() {
        const auto now =
            std::chrono::duration_cast<std::chrono::seconds>(now_.time_since_epoch()).count();
        const auto used = integer("last_used", now + clock_error_seconds);
        if (!used) {
            is_absurd_ = true;
            return std::nullopt;
        }
        return std::chrono::seconds{std::max<std::int64_t>(now - *used, 0)};
    }

    const Json& entry_;
    system_clock::time_point now_;
    bool is_absurd_ = false;
};

Json entry_of(const pool::RememberedOrigin& remembered, system_clock::time_point now) {
    const auto milliseconds = [](Duration time) {
        const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
        return static_cast<double>(micros) / 1000;
    };
    const auto used = now - *remembered.unused_for;
    Json entry{{"origin", remembered.origin.to_string()},
               {"peak", remembered.peak},
               {"last_used",
                std::chrono::duration_cast<std::chrono::seconds>(used.time_since_epoch()).count()}};
    if (remembered.protocol) {
        entry["protocol"] = *remembered.protocol == net::Protocol::http_2 ? "h2" : "http/1.1";
    }
    if (remembered.requires_http_1_1) entry[http_1_1_required] = true;
    if (remembered.round_trip) entry["round_trip_ms"] = milliseconds(*remembered.round_trip);
    if (remembered.idle_limit) entry["idle_limit_ms"] = milliseconds(*remembered.idle_limit);
    return entry;
}

bool used_later(const pool::RememberedOrigin& a, const pool::RememberedOrigin& b) {
    return a.unused_for.value_or(Duration::max()) < b.unused_for.value_or(Duration::max());
}

// The one used last knows best, the other what that one does not know.
void add(pool::RememberedOrigin& kept, const pool::RememberedOrigin& older) {
    kept.peak = std::max(kept.peak, older.peak);
    if (!kept.protocol) kept.protocol = older.protocol;
    if (older.requires_http_1_1) {  // to this one it may not have said so yet
        kept.requires_http_1_1 = true;
        kept.protocol = net::Protocol::http_1_1;
    }
    if (!kept.round_trip) kept.round_trip = older.round_trip;
    if (!kept.idle_limit) kept.idle_limit = older.idle_limit;
}

}  // namespace

ParsedState parse_state(std::string_view text, system_clock::time_point now) {
    if (text.size() > longest_state_bytes) return {{}, "is too long"};
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return {{}, "is not the JSON of a state file"};
    const auto written_by = json.find("version");
    if (written_by == json.end() || !written_by->is_number_integer()) {
        return {{}, "has no version"};
    }
    if (*written_by != version) return {{}, "is of another version"};
    const auto entries = json.find("origins");
    if (entries == json.end() || !entries->is_array()) return {{}, "has no list of origins"};
    RememberedOrigins origins;
    for (const auto& entry : *entries) {
        if (auto origin = EntryReader{entry, now}.read()) origins.push_back(std::move(*origin));
    }
    return {merged(std::move(origins)), {}};
}

std::string format_state(const RememberedOrigins& origins, system_clock::time_point now) {
    Json entries = Json::array();
    for (const auto& origin : origins) {
        if (origin.unused_for) entries.push_back(entry_of(origin, now));
    }
    const Json json{{"version", version}, {"origins", std::move(entries)}};
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

RememberedOrigins merged(RememberedOrigins origins) {
    std::stable_sort(origins.begin(), origins.end(), used_later);
    std::map<std::string, std::size_t> places;
    RememberedOrigins result;
    for (auto& origin : origins) {
        const auto [known, is_new] = places.emplace(origin.origin.to_string(), result.size());
        if (!is_new) {
            add(result[known->second], origin);
        } else if (result.size() < most_remembered_origins) {
            result.push_back(std::move(origin));
        } else {
            places.erase(known);
        }
    }
    return result;
}

}  // namespace nikawa::daemon
