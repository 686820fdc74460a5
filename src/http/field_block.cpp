#include "nikawa/http/field_block.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>

namespace nikawa::http {
namespace {

struct Known {
    std::string_view name;
    FieldId id;
};

// Ordered by length, so that a look-up compares only the few names that are as long.
constexpr Known known_fields[] = {
    {"te", FieldId::te},
    {"via", FieldId::via},
    {"date", FieldId::date},
    {"host", FieldId::host},
    {"cookie", FieldId::cookie},
    {"expect", FieldId::expect},
    {"alt-svc", FieldId::alt_svc},
    {"trailer", FieldId::trailer},
    {"upgrade", FieldId::upgrade},
    {"connection", FieldId::connection},
    {"keep-alive", FieldId::keep_alive},
    {"user-agent", FieldId::user_agent},
    {"traceparent", FieldId::traceparent},
    {"max-forwards", FieldId::max_forwards},
    {"proxy-status", FieldId::proxy_status},
    {"x-chocon-ver", FieldId::x_chocon_ver},
    {"content-length", FieldId::content_length},
    {"http2-settings", FieldId::http2_settings},
    {"proxy-connection", FieldId::proxy_connection},
    {"transfer-encoding", FieldId::transfer_encoding},
    {"proxy-authenticate", FieldId::proxy_authenticate},
    {"proxy-authorization", FieldId::proxy_authorization},
};

constexpr std::size_t longest_known = std::size(known_fields[std::size(known_fields) - 1].name);
static_assert(std::ranges::is_sorted(known_fields, {}, [](const Known& known) {
    return known.name.size();
}));

/// For each length where its names begin in `known_fields`; those of length n end where n + 1's
/// begin.
constexpr auto first_of_length = [] {
    std::array<std::uint8_t, longest_known + 2> first{};
    for (std::size_t length = 0; length < first.size(); ++length) {
        first[length] = static_cast<std::uint8_t>(std::ranges::count_if(
            known_fields, [&](const Known& known) { return known.name.size() < length; }));
    }
    return first;
}();

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

}  // namespace

FieldId field_id(std::string_view name) {
    if (name.size() > longest_known) return FieldId::other;
    const std::size_t end = first_of_length[name.size() + 1];
    for (std::size_t i = first_of_length[name.size()]; i < end; ++i) {
        const Known& known = known_fields[i];
        if (lower(name.front()) == known.name.front() && equal_ignoring_case(name, known.name)) {
            return known.id;
        }
    }
    return FieldId::other;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

FieldBlock::Entry FieldBlock::store(FieldId id, std::string_view name, std::string_view value) {
    // Whoever reads a head bounds it far below this; see HeadLimits.
    assert(arena_.size() + name.size() + value.size() <= std::numeric_limits<std::uint32_t>::max());
    const auto at = static_cast<std::uint32_t>(arena_.size());
    arena_.append(name).append(value);
    return {
        at, static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size()), id};
}

void FieldBlock::add(std::string_view name, std::string_view value) {
    entries_.push_back(store(field_id(name), name, value));
}

void FieldBlock::set(std::string_view name, std::string_view value) {
    const FieldId id = field_id(name);
    const auto is_same = [&](const Entry& entry) {
        return entry.id == id &&
               (id != FieldId::other || equal_ignoring_case(field(entry).name, name));
    };
    const auto first = std::ranges::find_if(entries_, is_same);
    if (first == entries_.end()) {
        entries_.push_back(store(id, name, value));
        return;
    }
    entries_.erase(std::remove_if(first + 1, entries_.end(), is_same), entries_.end());
    arena_.reserve(arena_.size() + first->name_bytes + value.size());  // the old name stays put
    *first = store(id, field(*first).name, value);
}

void FieldBlock::clear() {
    arena_.clear();
    entries_.clear();
}

std::optional<std::string_view> FieldBlock::find(FieldId id) const {
    const auto found = std::ranges::find(entries_, id, &Entry::id);
    if (found == entries_.end()) return std::nullopt;
    return field(*found).value;
}

std::optional<std::string_view> FieldBlock::find(std::string_view name) const {
    if (const FieldId id = field_id(name); id != FieldId::other) return find(id);
    const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
        return entry.id == FieldId::other && equal_ignoring_case(field(entry).name, name);
    });
    if (found == entries_.end()) return std::nullopt;
    return field(*found).value;
}

std::size_t FieldBlock::count(FieldId id) const {
    return static_cast<std::size_t>(std::ranges::count(entries_, id, &Entry::id));
}

bool FieldBlock::lists(FieldId id, std::string_view token) const {
    return std::ranges::any_of(entries_, [&](const Entry& entry) {
        return entry.id == id && is_listed(field(entry).value, token);
    });
}

bool is_listed(std::string_view list, std::string_view token) {
    bool found = false;
    for_each_in_list(list, [&](std::string_view element) {
        found = found || equal_ignoring_case(element, token);
    });
    return found;
}

}  // namespace nikawa::http
