#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nikawa/base/failure.hpp"

namespace nikawa::aws {

/// Why a signed request is not passed on.
enum class Refusal : std::uint8_t {
    unknown_key = 1,  ///< its secret was not given to us
    session_key,      ///< as unknown_key, and of a session of S3 Express: no setting helps
    malformed,        ///< Authorization cannot be read
    repeated_authorization,
    malformed_date,          ///< X-Amz-Date or Date, or neither is there
    malformed_payload_hash,  ///< X-Amz-Content-Sha256
    repeated_token,          ///< X-Amz-Security-Token
    signed_field_dropped,    ///< Connection names a signed field
    malformed_query,     ///< the signature's parameters in the query cannot be read, or contradict
    unsupported,         ///< an algorithm of SigV4 that cannot be made anew (ECDSA, events)
    field_not_signed,    ///< of field_that_must_be_signed()
    wrong_scope,         ///< the scope's date is not the request's, or it ends wrong
    too_skewed,          ///< the time of the request is more than 15 minutes from ours
    not_yet_valid,       ///< a presigned request from the future
    expired,             ///< a presigned request whose time is over
    wrong_token,         ///< the session token is not the one of the key
    credential_expired,  ///< the temporary credential that we have is
    wrong_signature,     ///< made with another secret, or of another request
    wrong_chunk,         ///< the signature of a chunk (or trailer) of the body is wrong
    malformed_chunk,     ///< the body is not framed as it says
    chunk_too_large,     ///< larger than may be held to be verified
    body_too_large,      ///< larger than may be held to be hashed
};

/// The failure of a refused request (side client): signature_refused, or signed_body_too_large for
/// chunk_too_large and body_too_large; its cause is the refusal, in words without any secret.
Failure failure_of(Refusal refusal);

/// The refusal that a failure tells of, if it does: of `failure_of()`.
std::optional<Refusal> refusal_in(const Failure& failure);

/// How a service tells an error; by the request, as its client reads no other.
enum class ErrorShape : std::uint8_t {
    s3_xml,     ///< <Error><Code>...
    query_xml,  ///< <ErrorResponse><Error><Type>Sender</Type><Code>...
    ec2_xml,    ///< <Response><Errors><Error><Code>...
    json,       ///< {"__type": ..., "message": ...}
};

/// The shape for a service, as signatures name it ("s3", "sqs", ...), which may be several, and for
/// the target (in origin-form) and Content-Type of the request.
ErrorShape error_shape(std::string_view service,
                       std::string_view target,
                       std::string_view content_type);

/// By what name a service of this shape tells a refusal.
std::string_view error_code(ErrorShape shape, Refusal refusal);

/// An error as a service would answer it.
struct ErrorDocument {
    std::string content_type;
    std::string body;
    std::string error_type;  ///< the code, which for JSON stands in x-amzn-ErrorType as well
};

/// `message` is for people; `request_id` is ours. A JSON document has the Content-Type of the
/// request, if that is one of AWS's.
ErrorDocument error_document(ErrorShape shape,
                             Refusal refusal,
                             std::string_view message,
                             std::string_view request_id,
                             std::string_view content_type = {});

}  // namespace nikawa::aws
