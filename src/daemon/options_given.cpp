#include "daemon/options_given.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace nikawa::daemon {
namespace {

std::string joined(const std::vector<std::string>& values) {
    std::string text;
    for (const auto& value : values) text.append(&value == values.data() ? "" : ",").append(value);
    return text;
}

/// The default in words: "3000", "follows the demand".
std::string default_of(const OptionRow& row) {
    if (row.fallback.empty()) return "off";
    if (!row.fallback.starts_with('(')) return std::string{row.fallback};
    return std::string{row.fallback.substr(1, row.fallback.size() - 2)};
}

bool all_empty(const std::vector<std::string>& values) {
    return std::ranges::all_of(values, &std::string::empty);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

}  // namespace

Refused refusal_of(const GivenOption& given) {
    auto text = given.where + joined(given.values) + ": must be " + given.row->rule.allowed;
    if (all_empty(given.values)) {
        text += "; leave it out for the default (" + default_of(*given.row) + ")";
    }
    return {std::move(text)};
}

bool has_what_it_needs(const GivenOption& given) {
    return given.row->rule.takes_empty || !all_empty(given.values);
}

void Places::set(const OptionRow& row, std::vector<GivenOption> given) {
    options_[row.name] = std::move(given);
}

bool Places::has(std::string_view option) const { return options_.contains(option); }

std::string Places::of(std::string_view option, const std::string& value) const {
    const auto found = options_.find(option);
    if (found == options_.end()) return "--" + std::string{option} + "=" + value;
    const auto& given = found->second;
    const auto place = std::ranges::find_if(given, [&](const GivenOption& each) {
        return std::ranges::find(each.values, value) != each.values.end();
    });
    return (place == given.end() ? given.back() : *place).where + value;
}

std::string Places::of(std::string_view option) const {
    const auto found = options_.find(option);
    if (found == options_.end()) return "--" + std::string{option};
    return found->second.back().where + joined(found->second.back().values);
}

std::vector<std::string> values_of(const OptionRow& row, std::string_view text) {
    if (row.rule.arity != Arity::list) return {std::string{text}};
    std::vector<std::string> values;
    for (;;) {
        const auto comma = text.find(',');
        values.emplace_back(text.substr(0, comma));
        if (comma == std::string_view::npos || comma + 1 == text.size()) return values;
        text.remove_prefix(comma + 1);
    }
}

std::string suggestion(std::string_view name, const Spelling& spelling) {
    const auto is_known = [&](const OptionRow& row) { return row.sources <= spelling.source; };
    const std::string did_you_mean = "; did you mean ";
    constexpr std::string_view no = "no-";
    if (name.starts_with(no)) {
        const auto* const row = find_option(name.substr(no.size()));
        if (row != nullptr && row->rule.arity == Arity::flag && is_known(*row)) {
            return did_you_mean + spelling.name_of(*row).append(spelling.equals) + "false?";
        }
    }
    const auto distance = [&](const OptionRow& row) {
        return is_known(row) ? edit_distance(name, row.name) : name.size() + row.name.size();
    };
    const auto nearest = std::ranges::min_element(option_table(), {}, distance);
    return distance(*nearest) > 2 ? "" : did_you_mean + spelling.name_of(*nearest) + "?";
}

}  // namespace nikawa::daemon
