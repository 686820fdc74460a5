#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/authorization.hpp"
#include "aws/canonical_request.hpp"
#include "aws/query.hpp"
#include "aws/sha256.hpp"
#include "aws/timestamp.hpp"
#include "nikawa/aws/request_signature.hpp"
#include "nikawa/http/connection_specific.hpp"

namespace nikawa::aws {
namespace {

using std::chrono::minutes;

// As far as the clocks of a client and of AWS may be apart.
constexpr minutes most_skew{15};

Digest signing_key(HmacSha256& hmac, const RequestSignature& of, std::string_view secret) {
    std::string first{"AWS4"};
    const Digest date = hmac.of(first.append(secret), of.date);
    const Digest region = hmac.of(bytes_of(date), of.region);
    const Digest service = hmac.of(bytes_of(region), of.service);
    return hmac.of(bytes_of(service), "aws4_request");
}

/// The first lines of all that is signed.
std::string string_to_sign(std::string_view kind, const RequestSignature& of) {
    std::string text;
    text.reserve(256);
    text.append(kind).append("\n").append(of.timestamp).append("\n");
    text.append(of.date).append("/").append(of.region).append("/").append(of.service);
    return text.append("/aws4_request\n");
}

/// A target as it is written where it is signed.
struct CanonicalTarget {
    std::string_view path;
    std::string_view query;
};

std::string canonical_path(std::string_view target, PathForm form) {
    std::string path;
    append_path(path, path_of(target), form);
    return path;
}

std::string canonical_query(std::string_view target, Placement placement, QueryForm form) {
    std::string query;
    append_query(query, query_of(target), placement, form);
    return query;
}

/// The query of a target in each form, made when it is first asked for: to sort thousands of
/// parameters takes its time.
class CanonicalQueries {
public:
    CanonicalQueries(std::string_view target, Placement placement)
        : target_{target}, placement_{placement} {}

    /// In the form of that index, at most one behind those already asked for; nothing if it is no
    /// other text than in a form before. Valid until a later form is asked for.
    const std::string* find(std::size_t index) {
        if (index == made_.size()) {
            auto query = canonical_query(target_, placement_, query_forms[index]);
            if (std::ranges::find(made_, query) == made_.end()) {
                made_.emplace_back(std::move(query));
            } else {
                made_.emplace_back();
            }
        }
        return made_[index] ? &*made_[index] : nullptr;
    }

private:
    std::string_view target_;
    Placement placement_;
    std::vector<std::optional<std::string>> made_;
};

std::string signature_of(const http::RequestHead& head,
                         CanonicalTarget target,
                         const RequestSignature& signature,
                         HmacSha256& hmac,
                         const Digest& key) {
    std::string canonical;
    canonical.reserve(1024);
    canonical.append(head.method).append("\n");
    canonical.append(target.path).append("\n").append(target.query).append("\n");
    append_fields(canonical, head.fields, signature.signed_headers);
    canonical.append("\n").append(signature.payload_hash);
    auto text = string_to_sign("AWS4-HMAC-SHA256", signature);
    return hex_of(hmac.of(bytes_of(key), text.append(sha256_hex(canonical))));
}

bool is_signed(const RequestSignature& signature, std::string_view name) {
    return std::ranges::any_of(signature.signed_headers, [&](const std::string& one) {
        return http::equal_ignoring_case(one, name);
    });
}

/// S3 refuses a request with a field of its own that is not signed, as somebody else may have added
/// it; the other services only want the host.
bool signs_enough(const http::RequestHead& head, const RequestSignature& signature) {
    constexpr std::string_view own = "x-amz-";
    if (!is_signed(signature, "host")) return false;
    if (!is_s3_family(signature.service)) return true;
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const auto name = head.fields[i].name;
        if (http::equal_ignoring_case(name.substr(0, own.size()), own) &&
            !is_signed(signature, name)) {
            return false;
        }
    }
    return true;
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

/// Whether the field stands in the request and gets to the origin as it stands there. One that is
/// for a connection may be left out or written in another way by who writes it to that.
bool goes_on(const http::FieldBlock& fields, std::string_view name) {
    return !http::is_connection_specific(http::field_id(name)) && fields.find(name).has_value();
}

Result<void> check_time(const RequestSignature& signature, WallTime now) {
    const auto at = parse_timestamp(signature.timestamp);
    if (!at) return failure_of(Refusal::malformed);
    if (signature.expires == std::chrono::seconds{0}) {
        if (*at > now + most_skew || *at < now - most_skew) return failure_of(Refusal::too_skewed);
        return {};
    }
    if (*at > now + most_skew) return failure_of(Refusal::not_yet_valid);
    if (now > *at + signature.expires) return failure_of(Refusal::expired);
    return {};
}

/// All that can be wrong besides the signature.
Result<void> check_circumstances(const http::RequestHead& head,
                                 const RequestSignature& signature,
                                 const Credential& credential,
                                 WallTime now) {
    if (!signature.timestamp.starts_with(signature.date) || signature.date.size() != 8) {
        return failure_of(Refusal::wrong_scope);
    }
    if (!signs_enough(head, signature)) return failure_of(Refusal::host_not_signed);
    if (drops_signed_field(head.fields, signature)) return failure_of(Refusal::malformed);
    if (auto timely = check_time(signature, now); !timely) return timely;
    if (credential.expires_at && now >= *credential.expires_at) {
        return failure_of(Refusal::credential_expired);
    }
    if (!equal_in_constant_time(signature.session_token, credential.session_token)) {
        return failure_of(Refusal::wrong_token);
    }
    return {};
}

/// Puts `value` in place of a part of `text` that is a view into it.
std::string replaced(std::string_view text, std::string_view part, std::string_view value) {
    const auto at = static_cast<std::size_t>(part.data() - text.data());
    std::string out;
    out.reserve(text.size() - part.size() + value.size());
    out.append(text.substr(0, at)).append(value);
    return out.append(text.substr(at + part.size()));
}

/// Puts `value` in place of a parameter's.
void replace_parameter(std::string& target, std::string_view name, std::string_view value) {
    std::string_view found;
    for_each_parameter(query_of(target), [&](const Parameter& parameter) {
        if (is_named(parameter, name)) found = parameter.value;
    });
    if (found.data() != nullptr) target = replaced(target, found, value);
}

void replace_in_authorization(http::RequestHead& head,
                              std::string_view AuthorizationParts::*part,
                              std::string_view value) {
    const auto field = head.fields.find("authorization");
    const auto parts = field ? authorization_parts(*field) : std::nullopt;
    if (parts) head.fields.set("Authorization", replaced(*field, (*parts).*part, value));
}

}  // namespace

// A signature tells only which text was signed, and clients have more than one way to write the
// target of a request there. All that we know of are tried, some of which are the same for
// different targets. That gives nothing away: the text that was found to be signed and the text
// that sign() signs are one, but for the Host (and fields that do not go on). AWS, who has a single
// way to write it, accepts what we send only if that text is its own for the request that it got;
// and so only what it would have accepted from the client itself, had that named the true Host.
Result<Signer> Signer::verify(const http::RequestHead& head,
                              const RequestSignature& signature,
                              const Credential& credential,
                              std::string_view body_hash,
                              WallTime now) {
    if (auto fine = check_circumstances(head, signature, credential, now); !fine) {
        return fine.error();
    }
    HmacSha256 hmac;
    Signer signer;
    signer.key_ = signing_key(hmac, signature, credential.secret_access_key);
    signer.request_ = signature;
    if (signature.payload == Payload::body) signer.request_.payload_hash = body_hash;

    std::vector<std::string> paths;
    CanonicalQueries queries{head.target, signature.placement};
    for (const PathForm form : path_forms(signature.service)) {
        auto path = canonical_path(head.target, form);
        if (std::ranges::find(paths, path) != paths.end()) continue;
        for (std::size_t i = 0; i < query_forms.size(); ++i) {
            const std::string* query = queries.find(i);
            if (query == nullptr) continue;
            const auto made =
                signature_of(head, {path, *query}, signer.request_, hmac, signer.key_);
            if (equal_in_constant_time(made, signature.signature)) {
                signer.path_form_ = static_cast<std::uint8_t>(form);
                signer.query_form_ = static_cast<std::uint8_t>(query_forms[i]);
                return signer;
            }
        }
        paths.push_back(std::move(path));
    }
    return failure_of(Refusal::wrong_signature);
}

std::string Signer::sign(http::RequestHead& head) const {
    RequestSignature now = request_;
    std::erase_if(now.signed_headers,
                  [&](const std::string& name) { return !goes_on(head.fields, name); });
    const bool is_presigned = now.placement == Placement::query;
    if (now.signed_headers.size() != request_.signed_headers.size()) {
        const auto list = joined(now.signed_headers);
        if (is_presigned) {
            std::string encoded;
            append_percent_encoded(encoded, list, Slash::encoded);
            replace_parameter(head.target, "X-Amz-SignedHeaders", encoded);
        } else {
            replace_in_authorization(head, &AuthorizationParts::signed_headers, list);
        }
    }
    const auto path = canonical_path(head.target, PathForm{path_form_});
    const auto query = canonical_query(head.target, now.placement, QueryForm{query_form_});
    HmacSha256 hmac;
    auto signature = signature_of(head, {path, query}, now, hmac, key_);
    if (is_presigned) {
        replace_parameter(head.target, "X-Amz-Signature", signature);
    } else {
        replace_in_authorization(head, &AuthorizationParts::signature, signature);
    }
    return signature;
}

std::string Signer::sign_chunk(std::string_view previous, std::string_view data_hash) const {
    static const std::string hash_of_nothing = sha256_hex({});
    auto text = string_to_sign("AWS4-HMAC-SHA256-PAYLOAD", request_);
    text.append(previous).append("\n").append(hash_of_nothing).append("\n").append(data_hash);
    return hex_of(HmacSha256{}.of(bytes_of(key_), text));
}

std::string Signer::sign_trailer(std::string_view previous, std::string_view trailer_hash) const {
    auto text = string_to_sign("AWS4-HMAC-SHA256-TRAILER", request_);
    text.append(previous).append("\n").append(trailer_hash);
    return hex_of(HmacSha256{}.of(bytes_of(key_), text));
}

}  // namespace nikawa::aws
