#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/authorization.hpp"
#include "aws/canonical_request.hpp"
#include "aws/query.hpp"
#include "aws/sha256.hpp"
#include "nikawa/aws/request_signature.hpp"
#include "nikawa/http/connection_specific.hpp"

namespace nikawa::aws {
namespace {

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

std::string canonical_fields(const http::FieldBlock& fields, const RequestSignature& signature) {
    std::string text;
    append_fields(text, fields, signature.signed_headers);
    return text;
}

/// A part of a target in each form, made when it is first asked for: to sort thousands of
/// parameters takes its time.
template <class Form, class Write>
class Writings {
public:
    Writings(std::span<const Form> forms, Write write) : forms_{forms}, write_{write} {
        made_.reserve(forms.size());
    }

    [[nodiscard]] std::size_t size() const { return forms_.size(); }

    /// In the form of that index, at most one behind those already asked for; nothing if it is no
    /// other text than in a form before. Valid as long as this.
    const std::string* find(std::size_t index) {
        if (index == made_.size()) {
            std::string text = write_(forms_[index]);
            if (std::ranges::find(made_, text) == made_.end()) {
                made_.emplace_back(std::move(text));
            } else {
                made_.emplace_back();
            }
        }
        return made_[index] ? &*made_[index] : nullptr;
    }

private:
    std::span<const Form> forms_;
    Write write_;
    std::vector<std::optional<std::string>> made_;
};

/// `fields` is the second half of the canonical request, up to the hash of the body.
std::string signature_of(std::string_view method,
                         CanonicalTarget target,
                         std::string_view fields,
                         const RequestSignature& signature,
                         HmacSha256& hmac,
                         const Digest& key) {
    std::string canonical;
    canonical.reserve(1024);
    canonical.append(method).append("\n");
    canonical.append(target.path).append("\n").append(target.query).append("\n");
    canonical.append(fields).append("\n").append(signature.payload_hash);
    auto text = string_to_sign("AWS4-HMAC-SHA256", signature);
    return hex_of(hmac.of(bytes_of(key), text.append(sha256_hex(canonical))));
}

/// Whether the field stands in the request and gets to the origin as it stands there. One that is
/// for a connection may be left out or written in another way by who writes it to that.
bool goes_on(const http::FieldBlock& fields, std::string_view name) {
    return !http::is_connection_specific(http::field_id(name)) && fields.find(name).has_value();
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
// target of a request there, and the Host. All that we know of are tried, some of which are the
// same for different targets. That gives nothing away: the text that was found to be signed and the
// text that sign() signs are one, but for the Host (and fields that do not go on). AWS, who has a
// single way to write it, accepts what we send only if that text is its own for the request that it
// got; and so only what it would have accepted from the client itself, had that named the true
// Host. And whichever Host was signed means the origin that the request goes to.
Result<Signer> Signer::verify(const http::RequestHead& head,
                              const RequestSignature& signature,
                              const Credential& credential,
                              std::string_view body_hash,
                              WallTime now,
                              std::span<const std::string> other_hosts) {
    if (auto fine = check_circumstances(head, signature, credential, now); !fine) {
        return fine.error();
    }
    HmacSha256 hmac;
    Signer signer;
    signer.key_ = signing_key(hmac, signature, credential.secret_access_key);
    signer.request_ = signature;
    if (signature.payload == Payload::body) signer.request_.payload_hash = body_hash;

    Writings paths{path_forms(signature.service),
                   [&](PathForm form) { return canonical_path(head.target, form); }};
    Writings queries{std::span<const QueryForm>{query_forms}, [&](QueryForm form) {
                         return canonical_query(head.target, signature.placement, form);
                     }};
    const auto verifies = [&](std::string_view fields) {
        for (std::size_t i = 0; i < paths.size(); ++i) {
            for (std::size_t j = 0; paths.find(i) != nullptr && j < queries.size(); ++j) {
                if (queries.find(j) == nullptr) continue;
                const CanonicalTarget target{*paths.find(i), *queries.find(j)};
                const auto made =
                    signature_of(head.method, target, fields, signer.request_, hmac, signer.key_);
                if (!equal_in_constant_time(made, signature.signature)) continue;
                signer.path_form_ = static_cast<std::uint8_t>(path_forms(signature.service)[i]);
                signer.query_form_ = static_cast<std::uint8_t>(query_forms[j]);
                return true;
            }
        }
        return false;
    };
    if (verifies(canonical_fields(head.fields, signature))) return signer;
    http::FieldBlock fields = head.fields;
    for (const std::string& host : other_hosts) {
        fields.set("Host", host);
        if (verifies(canonical_fields(fields, signature))) return signer;
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
    auto signature = signature_of(
        head.method, {path, query}, canonical_fields(head.fields, now), now, hmac, key_);
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
