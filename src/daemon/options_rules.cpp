#include "daemon/options_rules.hpp"

#include <algorithm>
#include <utility>

#include "daemon/options_values.hpp"
#include "nikawa/access/address_range.hpp"
#include "nikawa/access/port_ranges.hpp"
#include "nikawa/access/target_rules.hpp"
#include "nikawa/http/field_block.hpp"
#include "nikawa/http/host_pattern.hpp"

namespace nikawa::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using Values = std::vector<std::string>;

constexpr auto longest_time = std::chrono::hours{24 * 366};

std::string size_text(std::uint64_t bytes) {
    if (bytes >= GiB && bytes % GiB == 0) return std::to_string(bytes / GiB) + "g";
    if (bytes >= MiB && bytes % MiB == 0) return std::to_string(bytes / MiB) + "m";
    if (bytes >= KiB && bytes % KiB == 0) return std::to_string(bytes / KiB) + "k";
    return std::to_string(bytes);
}

using ParseNumber = std::optional<std::uint64_t> (*)(std::string_view);

OptionRule bounded(
    std::string allowed, ParseNumber parse, std::uint64_t low, std::uint64_t high, Assign assign) {
    return {Arity::scalar,
            std::move(allowed),
            [=, assign = std::move(assign)](Options& options, const Values& values) {
                const auto value = parse(values.back());
                if (!value || *value < low || *value > high) return false;
                assign(options, *value);
                return true;
            }};
}

OptionRule text(std::string Options::*member,
                std::string allowed,
                std::function<bool(std::string_view)> is_allowed) {
    return {Arity::scalar,
            std::move(allowed),
            [member, is_allowed = std::move(is_allowed)](Options& options, const Values& values) {
                if (!is_allowed(values.back())) return false;
                options.*member = values.back();
                return true;
            }};
}

OptionRule list(std::vector<std::string> Options::*member,
                std::string allowed,
                bool (*is_allowed)(std::string_view)) {
    return {Arity::list, std::move(allowed), [=](Options& options, const Values& values) {
                if (!std::all_of(values.begin(), values.end(), is_allowed)) return false;
                options.*member = values;
                return true;
            }};
}

}  // namespace

OptionRule bounded_number(std::uint64_t low, std::uint64_t high, Assign assign) {
    auto allowed = "a number from " + std::to_string(low) + " to " + std::to_string(high);
    return bounded(std::move(allowed), parse_number, low, high, std::move(assign));
}

OptionRule bounded_size(std::uint64_t low, std::uint64_t high, Assign assign) {
    auto allowed = "a size in bytes from " + size_text(low) + " to " + size_text(high) +
                   ", such as 65536, 64k or 1m";
    return bounded(std::move(allowed), parse_size, low, high, std::move(assign));
}

OptionRule duration(milliseconds Options::*member, std::string_view zero) {
    return {Arity::scalar,
            "a time up to a year, such as 30 (seconds), 500ms, 1.5s or 1h30m; 0 is " +
                std::string{zero},
            [=](Options& options, const Values& values) {
                const auto value = parse_duration(values.back(), seconds{1});
                if (!value || *value > longest_time) return false;
                options.*member = *value;
                return true;
            }};
}

OptionRule path(std::string Options::*member) {
    return text(member, "a path", [](std::string_view) { return true; });
}

OptionRule path_or_empty(std::string Options::*member) {
    auto rule = path(member);
    rule.takes_empty = true;
    return rule;
}

OptionRule one_of(std::string Options::*member, std::vector<std::string> words) {
    std::string allowed = "one of";
    for (const auto& word : words) allowed += (&word == &words.front() ? " " : ", ") + word;
    return text(member, std::move(allowed), [words = std::move(words)](std::string_view value) {
        return std::find(words.begin(), words.end(), value) != words.end();
    });
}

OptionRule flag(bool Options::*member) {
    return {Arity::flag, "true or false", [=](Options& options, const Values& values) {
                const auto value = parse_flag(values.back());
                if (value) options.*member = *value;
                return value.has_value();
            }};
}

OptionRule elsewhere(Arity arity) {
    return {arity, "a path", [](Options&, const Values&) { return true; }};
}

OptionRule listen_address() {
    auto rule = text(&Options::listen,
                     "an IPv4 or IPv6 address, such as 127.0.0.1 or ::1",
                     [](std::string_view value) { return is_address(value); });
    return {rule.arity, rule.allowed, [rule](Options& options, const Values& values) {
                auto address = values.back();
                if (address.starts_with('[') && address.ends_with(']')) {
                    address = address.substr(1, address.size() - 2);
                }
                return rule.apply(options, {address});
            }};
}

/// chocon counts rotations; parse_options() multiplies by the time between them at the end.
OptionRule rotations() {
    return {Arity::scalar,
            "a number of files from 0 to 100000",
            [](Options& options, const Values& values) {
                const auto count = parse_number(values.back());
                if (!count || *count > 100'000) return false;
                options.access_log_rotate = seconds{*count};
                return true;
            }};
}

OptionRule rotate_time() {
    return {Arity::scalar,
            "a time from 1m to a year, such as 24h or 1440 (minutes)",
            [](Options& options, const Values& values) {
                // Minutes are chocon's unit here. The names of the files tell minutes apart.
                constexpr auto minute = std::chrono::minutes{1};
                const auto value = parse_duration(values.back(), minute);
                if (!value || *value < minute || *value > longest_time) return false;
                options.access_log_rotate_time = std::chrono::duration_cast<seconds>(*value);
                return true;
            }};
}

OptionRule shutdown_timeout() {
    auto rule = duration(&Options::shutdown_timeout, "at once");
    return {rule.arity, rule.allowed, [rule](Options& options, const Values& values) {
                const bool allowed = rule.apply(options, values);
                // Elsewhere 0 is no limit; here it is none of the time, as in chocon.
                options.shutdown_timeout = std::max(options.shutdown_timeout, milliseconds{1});
                return allowed;
            }};
}

OptionRule upstream() {
    return {Arity::scalar,
            "a URL http://host[:port] or https://host[:port] without a path",
            [](Options& options, const Values& values) {
                if (values.back().empty()) {
                    options.upstream.reset();
                    return true;
                }
                options.upstream = parse_origin_url(values.back());
                return options.upstream.has_value();
            },
            true};
}

OptionRule via_name() {
    return text(&Options::via_name, "a token: letters, digits and !#$%&'*+-.^_`|~", is_token);
}

OptionRule request_id_field() {
    // A name that frames or routes a message is never free for this.
    return text(&Options::request_id_field,
                "a field name that has no other meaning: letters, digits and !#$%&'*+-.^_`|~",
                [](std::string_view value) {
                    return is_token(value) && http::field_id(value) == http::FieldId::other;
                });
}

OptionRule markers(std::vector<std::string> Options::*member) {
    return list(member, "host labels of up to 63 letters, digits, - and _", is_host_label);
}

OptionRule host_patterns(std::vector<std::string> Options::*member) {
    return list(member,
                "hosts without scheme and port, such as api.example.com or *.example.com",
                [](std::string_view value) { return http::HostPattern::parse(value).has_value(); });
}

OptionRule origins(std::vector<http::Origin> Options::*member) {
    return {Arity::list,
            "URLs http://host[:port] or https://host[:port] without a path",
            [member](Options& options, const Values& values) {
                std::vector<http::Origin> parsed;
                for (const auto& value : values) {
                    auto origin = parse_origin_url(value);
                    if (!origin) return false;
                    parsed.push_back(std::move(*origin));
                }
                options.*member = std::move(parsed);
                return true;
            }};
}

OptionRule client_ranges(std::vector<std::string> Options::*member) {
    return list(member,
                "networks such as 10.0.0.0/8 or 2001:db8::/32, addresses, loopback or private",
                [](std::string_view value) { return !access::address_ranges(value).empty(); });
}

OptionRule targets(std::vector<std::string> Options::*member) {
    return list(member,
                "names such as api.example.com or *.example.com, networks such as 10.0.0.0/8, "
                "addresses, loopback or private",
                access::is_target);
}

OptionRule port_ranges(std::vector<std::string> Options::*member) {
    return list(
        member, "ports from 1 to 65535, or ranges such as 8000-8999", access::is_port_range);
}

OptionRule or_none(OptionRule list) {
    auto allowed = list.allowed + ", or none alone";
    return {Arity::list,
            std::move(allowed),
            [apply = std::move(list.apply)](Options& options, const Values& values) {
                const bool has_none = std::ranges::find(values, "none") != values.end();
                if (has_none && values.size() > 1) return false;
                return apply(options, has_none ? Values{} : values);
            }};
}

OptionRule resolvers() {
    return list(&Options::resolvers,
                "addresses such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53",
                is_address_with_port);
}

}  // namespace nikawa::daemon
