#include "aws/authorization.hpp"

#include <algorithm>

#include "nikawa/http/field_block.hpp"

namespace nikawa::aws {

std::optional<AuthorizationParts> authorization_parts(std::string_view value) {
    AuthorizationParts parts;
    const struct {
        std::string_view name;
        std::string_view& value;
    } known[] = {{"Credential=", parts.credential},
                 {"SignedHeaders=", parts.signed_headers},
                 {"Signature=", parts.signature}};
    bool is_sound = true;
    value.remove_prefix(std::min(value.find(' '), value.size()));
    http::for_each_in_list(value, [&](std::string_view element) {
        const auto* const part = std::ranges::find_if(
            known, [&](const auto& one) { return element.starts_with(one.name); });
        if (part == std::end(known) || !part->value.empty()) {
            is_sound = false;
            return;
        }
        part->value = element.substr(part->name.size());
    });
    const bool is_whole =
        std::ranges::none_of(known, [](const auto& one) { return one.value.empty(); });
    if (!is_sound || !is_whole) return std::nullopt;
    return parts;
}

}  // namespace nikawa::aws
