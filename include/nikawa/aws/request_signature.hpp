#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/aws/credentials.hpp"
#include "nikawa/aws/refusal.hpp"
#include "nikawa/base/result.hpp"
#include "nikawa/http/head.hpp"

namespace nikawa::aws {

/// Where a request carries its signature.
enum class Placement : std::uint8_t {
    authorization,  ///< in the field
    query,          ///< in the query: presigned
};

/// What a signature covers of the body, by x-amz-content-sha256.
enum class Payload : std::uint8_t {
    as_given,  ///< a hash or UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER: bytes pass
    body,      ///< nothing is said: the hash of the body, which must be known to verify
    chunks,    ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD: each chunk has a signature
    chunks_and_trailer  ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER: the trailer has one, too
};

/// What a request says of its AWS Signature Version 4; not verified.
struct RequestSignature {
    Placement placement = Placement::authorization;
    std::string access_key_id;
    std::string date;  ///< of the scope: "20130524"
    std::string region;
    std::string service;
    std::string timestamp;                    ///< "20130524T000000Z"
    std::vector<std::string> signed_headers;  ///< as they stand: lower case, in order
    std::string signature;                    ///< 64 hexadecimal digits
    std::string session_token;                ///< empty: none
    std::chrono::seconds expires{};           ///< of a presigned one
    Payload payload = Payload::as_given;
    std::string payload_hash;  ///< the last line of the canonical request; empty for Payload::body
};

/// The signature of a request, or nothing for one that has none of SigV4 (SigV2 among them).
/// Errors: signature_refused. The target is in origin-form.
Result<std::optional<RequestSignature>> find_signature(const http::RequestHead& head);

/// Whether the head alone tells that the request is to be refused, whatever its signature: by the
/// time, the scope, the token, and by what is not signed. `head` is as the client sent it. Errors:
/// signature_refused.
Result<void> check_circumstances(const http::RequestHead& head,
                                 const RequestSignature& signature,
                                 const Credential& credential,
                                 WallTime now);

/// The first field of the request that is not among SignedHeaders and must be, empty if there is
/// none: Host, and with S3 each whose name begins with x-amz-. A view into `head`, or a constant.
std::string_view field_that_must_be_signed(const http::RequestHead& head,
                                           const RequestSignature& signature);

/// By which secret, and by which of the ways that clients have to write a path, a signature was
/// found right; what is needed to sign the same request again.
class Signer {
public:
    /// Verifies, circumstances too: `head` is as the client sent it, Host too, its target in
    /// origin-form. `body_hash` (hexadecimal SHA-256) is used for Payload::body alone. Instead of
    /// the Host that was sent one of `other_hosts` may have been signed: all must mean the origin
    /// that the request goes to. Compares in constant time. Errors: signature_refused.
    static Result<Signer> verify(const http::RequestHead& head,
                                 const RequestSignature& signature,
                                 const Credential& credential,
                                 std::string_view body_hash,
                                 WallTime now,
                                 std::span<const std::string> other_hosts = {});

    /// Signs `head`, as it goes to the origin, and puts the signature in place of the old one; of
    /// SignedHeaders those that the head still has, but for what is for one connection only (TE,
    /// RFC 9110 §7.6.1). What was signed for the Host of `head` already stays as it is. Gives the
    /// signature: 64 hexadecimal digits.
    std::string sign(http::RequestHead& head) const;

    /// The signatures of a chunk and of the trailer behind `previous` (the signature of the request
    /// or of the chunk before).
    [[nodiscard]] std::string sign_chunk(std::string_view previous,
                                         std::string_view data_hash) const;
    [[nodiscard]] std::string sign_trailer(std::string_view previous,
                                           std::string_view trailer_hash) const;

private:
    Signer() = default;

    std::array<unsigned char, 32> key_{};  // of date, region, service
    RequestSignature request_;             // with the hash of the body, if that is signed
    std::uint8_t path_form_ = 0;           // how the target was written where it was signed
    std::uint8_t query_form_ = 0;
};

/// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::string_view bytes);

/// Whether two strings are equal, in a time that only their lengths decide.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace nikawa::aws
