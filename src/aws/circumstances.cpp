#include <algorithm>
#include <chrono>

#include "aws/canonical_request.hpp"
#include "aws/timestamp.hpp"
#include "nikawa/aws/request_signature.hpp"
#include "nikawa/http/connection_specific.hpp"

namespace nikawa::aws {
namespace {

using std::chrono::minutes;

// As far as the clocks of a client and of AWS may be apart.
constexpr minutes most_skew{15};

bool is_signed(const RequestSignature& signature, std::string_view name) {
    return std::ranges::any_of(signature.signed_headers, [&](const std::string& one) {
        return http::equal_ignoring_case(one, name);
    });
}

/// Whether Connection names a signed field, or the one with the signature, so that it would not go
/// on: somebody else may have added that, to take the field out of the request (RFC 9110 §7.6.1).
bool drops_signed_field(const http::FieldBlock& fields, const RequestSignature& signature) {
    bool drops = false;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].id != http::FieldId::connection) continue;
        http::for_each_in_list(fields[i].value, [&](std::string_view name) {
            if (http::is_connection_specific(http::field_id(name))) return;
            drops = drops || is_signed(signature, name) ||
                    http::equal_ignoring_case(name, "authorization");
        });
    }
    return drops;
}

Result<void> check_time(const RequestSignature& signature, WallTime now) {
    const auto at = parse_timestamp(signature.timestamp);
    if (!at) return failure_of(Refusal::malformed_date);
    if (signature.expires == std::chrono::seconds{0}) {
        if (*at > now + most_skew || *at < now - most_skew) return failure_of(Refusal::too_skewed);
        return {};
    }
    if (*at > now + most_skew) return failure_of(Refusal::not_yet_valid);
    if (now > *at + signature.expires) return failure_of(Refusal::expired);
    return {};
}

}  // namespace

// S3 refuses a request with a field of its own that is not signed, as somebody else may have added
// it; the other services only want the host.
std::string_view field_that_must_be_signed(const http::RequestHead& head,
                                           const RequestSignature& signature) {
    constexpr std::string_view own = "x-amz-";
    if (!is_signed(signature, "host")) return "host";
    if (!is_s3_family(signature.service)) return {};
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const auto name = head.fields[i].name;
        if (http::equal_ignoring_case(name.substr(0, own.size()), own) &&
            !is_signed(signature, name)) {
            return name;
        }
    }
    return {};
}

Result<void> check_circumstances(const http::RequestHead& head,
                                 const RequestSignature& signature,
                                 const Credential& credential,
                                 WallTime now) {
    if (!signature.timestamp.starts_with(signature.date) || signature.date.size() != 8) {
        return failure_of(Refusal::wrong_scope);
    }
    if (!field_that_must_be_signed(head, signature).empty()) {
        return failure_of(Refusal::field_not_signed);
    }
    if (drops_signed_field(head.fields, signature))
        return failure_of(Refusal::signed_field_dropped);
    if (auto timely = check_time(signature, now); !timely) return timely;
    if (credential.expires_at && now >= *credential.expires_at) {
        return failure_of(Refusal::credential_expired);
    }
    if (!equal_in_constant_time(signature.session_token, credential.session_token)) {
        return failure_of(Refusal::wrong_token);
    }
    return {};
}

}  // namespace nikawa::aws
