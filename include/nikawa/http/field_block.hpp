#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nikawa::http {

/// The field names that we act on; every other name is `other`. Known once when a field is added,
/// so that a look-up on the request path compares a byte.
enum class FieldId : std::uint8_t {
    other,
    alt_svc,
    connection,
    content_length,
    cookie,
    date,
    expect,
    host,
    http2_settings,
    keep_alive,
    max_forwards,
    proxy_authenticate,
    proxy_authorization,
    proxy_connection,
    proxy_status,
    te,
    traceparent,
    trailer,
    transfer_encoding,
    upgrade,
    user_agent,
    via,
    x_chocon_ver,
};

/// The id of a field name, in any letter case.
FieldId field_id(std::string_view name);

/// One field line: views into the block it came from, valid until that block changes.
struct Field {
    FieldId id;
    std::string_view name;
    std::string_view value;
};

/// The fields of one head in their order (RFC 9110 §5), repeated ones kept apart, names in the
/// letter case they came in. Names and values lie in one arena that `clear()` keeps, so a block
/// that is used again does not allocate.
class FieldBlock {
public:
    /// Appends a field. The views must not point into this block.
    void add(std::string_view name, std::string_view value);

    /// Puts `value` in place of the first field of that name, whose letter case stays, and drops
    /// further ones; appends when there is none. The views must not point into this block.
    void set(std::string_view name, std::string_view value);

    /// Drops every field for which `drop(const Field&)` is true; order of the rest is kept.
    template <class Predicate>
    void remove_if(Predicate drop) {
        std::erase_if(entries_, [&](const Entry& entry) { return drop(field(entry)); });
    }

    void clear();

    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] bool empty() const { return entries_.empty(); }
    [[nodiscard]] Field operator[](std::size_t index) const { return field(entries_[index]); }

    /// The first value of that field, if any.
    [[nodiscard]] std::optional<std::string_view> find(FieldId id) const;
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;

    /// How many fields of that name there are.
    [[nodiscard]] std::size_t count(FieldId id) const;

    /// Whether `token` is an element of those fields' lists, ASCII letters in any case.
    [[nodiscard]] bool lists(FieldId id, std::string_view token) const;

private:
    struct Entry {
        std::uint32_t at;  // the name's place in the arena; the value follows it
        std::uint32_t name_bytes;
        std::uint32_t value_bytes;
        FieldId id;
    };

    [[nodiscard]] Field field(const Entry& entry) const {
        const char* const name = arena_.data() + entry.at;
        return {entry.id, {name, entry.name_bytes}, {name + entry.name_bytes, entry.value_bytes}};
    }
    Entry store(FieldId id, std::string_view name, std::string_view value);

    std::string arena_;
    std::vector<Entry> entries_;
};

/// Whether two field names, tokens or hosts are the same, ASCII letters in any case.
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Calls `visit(token)` for each element of a comma-separated list (RFC 9110 §5.6.1), without
/// the white space around it; empty elements are passed over.
template <class Visit>
void for_each_in_list(std::string_view list, Visit visit) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        auto element = list.substr(0, comma);
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
        while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) {
            element.remove_prefix(1);
        }
        while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) {
            element.remove_suffix(1);
        }
        if (!element.empty()) visit(element);
    }
}

/// Whether `token` is an element of the list, ASCII letters in any case.
bool is_listed(std::string_view list, std::string_view token);

}  // namespace nikawa::http
