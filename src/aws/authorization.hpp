#pragma once

#include <optional>
#include <string_view>

namespace nikawa::aws {

/// What stands in `AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`, in any
/// order: views into it.
struct AuthorizationParts {
    std::string_view credential;
    std::string_view signed_headers;
    std::string_view signature;
};

/// Nothing where one is missing, stands twice, or something else stands there.
std::optional<AuthorizationParts> authorization_parts(std::string_view value);

}  // namespace nikawa::aws
