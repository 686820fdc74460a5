#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "nikawa/base/result.hpp"
#include "nikawa/http/head.hpp"

namespace nikawa::http {

struct NoBody {
    friend bool operator==(NoBody, NoBody) = default;
};
struct Sized {
    std::uint64_t bytes;
    friend bool operator==(Sized, Sized) = default;
};
struct Chunked {
    friend bool operator==(Chunked, Chunked) = default;
};
struct UntilClose {
    friend bool operator==(UntilClose, UntilClose) = default;
};

/// How the end of a message's body is found; decided once for each message (RFC 9112 §6.3).
///
/// `NoBody` is a message that has none whatever its fields say. Over HTTP/2 a body of unknown
/// length is `Chunked`.
using BodyFraming = std::variant<NoBody, Sized, Chunked, UntilClose>;

/// The framing of an HTTP/1.x request, stricter than RFC 9112 §6.3 where it lets a recipient
/// choose: what two parsers could read in two ways is refused, because we forward it.
/// Errors: bad_framing (side client).
Result<BodyFraming> request_framing(const RequestHead& head);

/// The framing of a response to a request of that method, over any version of HTTP (RFC 9112 §6.3,
/// RFC 9113 §8.1.1). Over HTTP/2 a missing Content-Length gives `Chunked`.
/// Errors: malformed (side origin).
Result<BodyFraming> response_framing(std::string_view request_method, const ResponseHead& head);

/// The one value of all Content-Length fields and the members of their lists, if they agree on one
/// (RFC 9112 §6.3 item 5).
std::optional<std::uint64_t> agreed_length(const FieldBlock& fields);

/// The decimal number `digits`: digits only, no sign, no list, no overflow.
std::optional<std::uint64_t> parse_decimal(std::string_view digits);

}  // namespace nikawa::http
