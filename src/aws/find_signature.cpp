#include <algorithm>
#include <array>
#include <charconv>

#include "aws/authorization.hpp"
#include "aws/canonical_request.hpp"
#include "aws/query.hpp"
#include "aws/timestamp.hpp"
#include "nikawa/aws/request_signature.hpp"

namespace nikawa::aws {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

// More than any request has fields; each costs a look at all of them.
constexpr std::size_t most_signed_headers = 256;

/// The value of a field that may stand once.
struct Once {
    std::optional<std::string_view> value;
    bool is_repeated = false;

    void see(std::string_view one) {
        is_repeated = value.has_value();
        value = one;
    }
};

Once the_field(const http::FieldBlock& fields, std::string_view name) {
    Once field;
    for (std::size_t i = 0; i < fields.size() && !field.is_repeated; ++i) {
        if (http::equal_ignoring_case(fields[i].name, name)) field.see(fields[i].value);
    }
    return field;
}

bool is_hexadecimal(std::string_view text) {
    return text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

bool is_digest(std::string_view text) { return text.size() == 64 && is_hexadecimal(text); }

/// KEY/20130524/us-east-1/s3/aws4_request; the key's id may have slashes of its own.
Result<void> read_credential(std::string_view text, Refusal otherwise, RequestSignature& out) {
    std::array<std::string_view, 4> scope;
    for (auto part = scope.size(); part-- > 0;) {
        const auto slash = text.rfind('/');
        if (slash == text.npos) return failure_of(otherwise);
        scope[part] = text.substr(slash + 1);
        text = text.substr(0, slash);
    }
    const auto& [date, region, service, end] = scope;
    if (text.empty() || date.empty() || service.empty()) return failure_of(otherwise);
    if (end != "aws4_request") return failure_of(Refusal::wrong_scope);
    out.access_key_id = text;
    out.date = date;
    out.region = region;
    out.service = service;
    return {};
}

/// host;range;x-amz-date
Result<void> read_signed_headers(std::string_view list, Refusal otherwise, RequestSignature& out) {
    constexpr std::string_view token =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";  // RFC 9110 §5.6.2, lower case
    for (;;) {
        const auto end = list.find(';');
        const auto name = list.substr(0, end);
        if (name.empty() || name.find_first_not_of(token) != name.npos ||
            out.signed_headers.size() == most_signed_headers ||
            std::ranges::find(out.signed_headers, name) != out.signed_headers.end()) {
            return failure_of(otherwise);
        }
        out.signed_headers.emplace_back(name);
        if (end == list.npos) return {};
        list.remove_prefix(end + 1);
    }
}

Result<void> read_signature(std::string_view text, Refusal otherwise, RequestSignature& out) {
    if (!is_digest(text)) return failure_of(otherwise);
    out.signature = text;
    return {};
}

/// What x-amz-content-sha256 says of the body.
Result<void> read_payload(std::string_view given, Refusal otherwise, RequestSignature& out) {
    out.payload_hash = given;
    if (given == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
        out.payload = Payload::chunks;
    } else if (given == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
        out.payload = Payload::chunks_and_trailer;
    } else if (given == "UNSIGNED-PAYLOAD" || given == "STREAMING-UNSIGNED-PAYLOAD-TRAILER" ||
               is_digest(given)) {
        out.payload = Payload::as_given;
    } else {
        return failure_of(given.starts_with("STREAMING-") ? Refusal::unsupported : otherwise);
    }
    return {};
}

Result<void> read_payload_field(const http::FieldBlock& fields, RequestSignature& out) {
    const Once hash = the_field(fields, "x-amz-content-sha256");
    if (hash.is_repeated) return failure_of(Refusal::malformed_payload_hash);
    if (hash.value) return read_payload(*hash.value, Refusal::malformed_payload_hash, out);
    // Without the field S3 takes the body of a presigned request for unsigned; every other service
    // hashes it.
    if (out.placement == Placement::query && is_s3_family(out.service)) {
        out.payload_hash = "UNSIGNED-PAYLOAD";
    } else {
        out.payload = Payload::body;
    }
    return {};
}

Result<void> read_time(const http::FieldBlock& fields, RequestSignature& out) {
    Once time = the_field(fields, "x-amz-date");
    const bool is_amz_date = time.value.has_value();
    if (!is_amz_date) time = the_field(fields, "date");
    if (!time.value || time.is_repeated) return failure_of(Refusal::malformed_date);
    out.timestamp =
        is_amz_date ? std::string{*time.value} : timestamp_of_date(*time.value).value_or("");
    if (!parse_timestamp(out.timestamp)) return failure_of(Refusal::malformed_date);
    return {};
}

Result<RequestSignature> read_authorization(std::string_view value,
                                            const http::FieldBlock& fields) {
    constexpr auto otherwise = Refusal::malformed;
    if (!value.starts_with(algorithm) || !value.substr(algorithm.size()).starts_with(' ')) {
        return failure_of(value.starts_with("AWS4-ECDSA") ? Refusal::unsupported : otherwise);
    }
    const auto parts = authorization_parts(value);
    if (!parts) return failure_of(otherwise);
    RequestSignature out;
    if (auto read = read_credential(parts->credential, otherwise, out); !read) return read.error();
    if (auto read = read_signed_headers(parts->signed_headers, otherwise, out); !read) {
        return read.error();
    }
    if (auto read = read_signature(parts->signature, otherwise, out); !read) return read.error();
    if (auto read = read_time(fields, out); !read) return read.error();
    const Once token = the_field(fields, "x-amz-security-token");
    if (token.is_repeated) return failure_of(Refusal::repeated_token);
    out.session_token = token.value.value_or("");
    if (auto read = read_payload_field(fields, out); !read) return read.error();
    return out;
}

/// The parameters of a presigned request, decoded.
struct Presigned {
    std::optional<std::string> algorithm;
    std::optional<std::string> credential;
    std::optional<std::string> date;
    std::optional<std::string> expires;
    std::optional<std::string> signed_headers;
    std::optional<std::string> signature;
    std::optional<std::string> token;
    std::optional<std::string> payload;
    bool has_repeated = false;
};

Presigned presigned_parameters(std::string_view query) {
    Presigned out;
    const struct {
        std::string_view name;
        std::optional<std::string>& value;
    } known[] = {{"X-Amz-Algorithm", out.algorithm},
                 {"X-Amz-Credential", out.credential},
                 {"X-Amz-Date", out.date},
                 {"X-Amz-Expires", out.expires},
                 {"X-Amz-SignedHeaders", out.signed_headers},
                 {"X-Amz-Signature", out.signature},
                 {"X-Amz-Security-Token", out.token},
                 {"X-Amz-Content-Sha256", out.payload}};
    for_each_parameter(query, [&](const Parameter& parameter) {
        for (const auto& [name, value] : known) {
            if (!is_named(parameter, name)) continue;
            out.has_repeated = out.has_repeated || value.has_value();
            value = percent_decoded(parameter.value, Plus::space);
            return;
        }
    });
    return out;
}

/// How long a presigned request is valid. S3 wants to be told; to others it goes as one that is
/// signed in Authorization, which zero stands for.
std::optional<std::chrono::seconds> validity(const std::optional<std::string>& expires,
                                             std::string_view service) {
    if (!expires) {
        if (is_s3_family(service)) return std::nullopt;
        return std::chrono::seconds{0};
    }
    constexpr int longest = 7 * 24 * 60 * 60;
    int seconds = 0;
    const char* const end = expires->data() + expires->size();
    const auto [at, error] = std::from_chars(expires->data(), end, seconds);
    if (error != std::errc{} || at != end || seconds < 1 || seconds > longest) return std::nullopt;
    return std::chrono::seconds{seconds};
}

Result<RequestSignature> read_query(const Presigned& given, const http::FieldBlock& fields) {
    constexpr auto otherwise = Refusal::malformed_query;
    if (*given.algorithm != algorithm) return failure_of(Refusal::unsupported);
    if (given.has_repeated || !given.credential || !given.date || !given.signed_headers ||
        !given.signature) {
        return failure_of(otherwise);
    }
    RequestSignature out;
    out.placement = Placement::query;
    if (auto read = read_credential(*given.credential, otherwise, out); !read) return read.error();
    if (auto read = read_signed_headers(*given.signed_headers, otherwise, out); !read) {
        return read.error();
    }
    if (auto read = read_signature(*given.signature, otherwise, out); !read) return read.error();
    const auto expires = validity(given.expires, out.service);
    if (!expires || !parse_timestamp(*given.date)) return failure_of(otherwise);
    out.expires = *expires;
    out.timestamp = *given.date;
    out.session_token = given.token.value_or("");
    auto read = given.payload ? read_payload(*given.payload, otherwise, out)
                              : read_payload_field(fields, out);
    if (!read) return read.error();
    return out;
}

}  // namespace

Result<std::optional<RequestSignature>> find_signature(const http::RequestHead& head) {
    std::optional<std::string_view> authorization;
    std::size_t authorizations = 0;
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const http::Field field = head.fields[i];
        if (!http::equal_ignoring_case(field.name, "authorization")) continue;
        ++authorizations;
        if (field.value.starts_with("AWS4-")) authorization = field.value;
    }
    const auto presigned = presigned_parameters(query_of(head.target));
    const bool is_presigned = presigned.algorithm && presigned.algorithm->starts_with("AWS4-");
    if (!authorization && !is_presigned) return std::optional<RequestSignature>{};
    // Two ways to sign one request: a service might look at the one that we did not verify.
    if (is_presigned && authorizations != 0) return failure_of(Refusal::malformed_query);
    if (authorizations > 1) return failure_of(Refusal::repeated_authorization);
    auto signature = is_presigned ? read_query(presigned, head.fields)
                                  : read_authorization(*authorization, head.fields);
    if (!signature) return signature.error();
    return std::optional{std::move(*signature)};
}

}  // namespace nikawa::aws
