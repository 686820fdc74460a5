#include "nikawa/http/body_framing.hpp"

#include <charconv>
#include <optional>

namespace nikawa::http {
namespace {

/// Whether the message is marked as chunked and nothing else; the last coding of a list may be
/// chunked too (RFC 9112 §6.1), but a list is what two parsers read in two ways.
bool is_plainly_chunked(const FieldBlock& fields) {
    return fields.count(FieldId::transfer_encoding) == 1 &&
           equal_ignoring_case(*fields.find(FieldId::transfer_encoding), "chunked");
}

}  // namespace

Result<BodyFraming> request_framing(const RequestHead& head) {
    constexpr Failure ambiguous{Errc::bad_framing, Side::client};
    const std::size_t lengths = head.fields.count(FieldId::content_length);

    if (head.fields.count(FieldId::transfer_encoding) != 0) {
        // An HTTP/1.0 recipient on the way may not have known the field (RFC 9112 §6.1).
        const bool plain = head.version == Version::http_1_1 && is_plainly_chunked(head.fields);
        if (!plain || lengths != 0) return ambiguous;
        return BodyFraming{Chunked{}};
    }
    if (lengths == 0) return BodyFraming{NoBody{}};
    const auto bytes = parse_decimal(*head.fields.find(FieldId::content_length));
    if (lengths != 1 || !bytes) return ambiguous;
    return BodyFraming{Sized{*bytes}};
}

Result<BodyFraming> response_framing(std::string_view request_method, const ResponseHead& head) {
    constexpr Failure malformed{Errc::malformed, Side::origin};
    if (head.status < 200 || head.status == 204) return BodyFraming{NoBody{}};
    const bool has_length = head.fields.count(FieldId::content_length) != 0;
    if (request_method == "HEAD" || head.status == 304) {
        // It says what another response would measure; one that says nothing is not passed on.
        if (has_length && !agreed_length(head.fields)) return malformed;
        return BodyFraming{NoBody{}};
    }
    if (head.fields.count(FieldId::transfer_encoding) != 0) {
        const bool plain = head.version == Version::http_1_1 && is_plainly_chunked(head.fields);
        if (!plain || has_length) return malformed;
        return BodyFraming{Chunked{}};
    }
    if (has_length) {
        const auto bytes = agreed_length(head.fields);
        if (!bytes) return malformed;
        return BodyFraming{Sized{*bytes}};
    }
    if (head.version == Version::http_2) return BodyFraming{Chunked{}};
    return BodyFraming{UntilClose{}};
}

std::optional<std::uint64_t> agreed_length(const FieldBlock& fields) {
    std::optional<std::uint64_t> agreed;
    bool conflict = false;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].id != FieldId::content_length) continue;
        bool is_empty = true;
        for_each_in_list(fields[i].value, [&](std::string_view digits) {
            const auto length = parse_decimal(digits);
            conflict |= !length || (agreed && *agreed != *length);
            agreed = length;
            is_empty = false;
        });
        conflict |= is_empty;
    }
    return conflict ? std::nullopt : agreed;
}

std::optional<std::uint64_t> parse_decimal(std::string_view digits) {
    std::uint64_t number = 0;
    const char* const end = digits.data() + digits.size();
    // For an unsigned type from_chars takes digits only: neither sign nor white space nor prefix.
    const auto [stop, error] = std::from_chars(digits.data(), end, number);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

}  // namespace nikawa::http
