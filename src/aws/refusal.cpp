#include "nikawa/aws/refusal.hpp"

#include "nikawa/base/library_category.hpp"

namespace nikawa::aws {
namespace {

const char* words(Refusal refusal) {
    switch (refusal) {
        case Refusal::unknown_key:
            return "nikawa does not know the secret of this access key, so that it can neither "
                   "verify the signature nor sign for the service's own Host; either put the key's "
                   "profile into the file of --aws-credentials and send SIGHUP, or start with "
                   "--aws-metadata if the key is the machine's, or have the true Host signed, as "
                   "suits keys that clients get for themselves (AssumeRole, SSO): take suffix and "
                   "port off the endpoint, make nikawa the client's HTTP proxy and start it with "
                   "--https-for '*.amazonaws.com'; if the true Host was signed already, as in a "
                   "URL that somebody else presigned, send it in absolute form, as to a proxy";
        case Refusal::session_key:
            return "the access key is of a session that S3 Express made for the client, and nikawa "
                   "cannot know its secret; take suffix and port off the endpoint, make nikawa the "
                   "client's HTTP proxy and start it with --https-for '*.amazonaws.com', or turn "
                   "such sessions off in the client";
        case Refusal::malformed:
            return "Authorization cannot be read; it has Credential=KEY/DATE/REGION/SERVICE/"
                   "aws4_request, SignedHeaders in lower case and each once, and Signature of 64 "
                   "hexadecimal digits";
        case Refusal::repeated_authorization: return "Authorization stands there twice";
        case Refusal::malformed_date:
            return "X-Amz-Date, or Date in its place, is missing, stands there twice or cannot be "
                   "read";
        case Refusal::malformed_payload_hash:
            return "X-Amz-Content-Sha256 stands there twice or cannot be read";
        case Refusal::repeated_token: return "X-Amz-Security-Token stands there twice";
        case Refusal::signed_field_dropped:
            return "Connection names a signed field, or Authorization, which would not go on";
        case Refusal::malformed_query:
            return "the signature's parameters in the query cannot be read, stand there twice, or "
                   "there is an Authorization beside them";
        case Refusal::unsupported:
            return "only AWS4-HMAC-SHA256 can be signed anew, and no event streams; take the "
                   "suffix off the endpoint and make nikawa the client's HTTP proxy (--https-for)";
        case Refusal::field_not_signed: return "a field that must be among SignedHeaders is not";
        case Refusal::wrong_scope:
            return "the scope in Credential is not DATE/REGION/SERVICE/aws4_request of the date of "
                   "the request";
        case Refusal::too_skewed:
            return "the time of the request is more than 15 minutes from the time here; set the "
                   "clock of the client, or ours";
        case Refusal::not_yet_valid: return "the request is not valid yet";
        case Refusal::expired: return "the request has expired";
        case Refusal::wrong_token:
            return "the session token is not the one that nikawa has for this access key";
        case Refusal::credential_expired:
            return "the temporary credential that nikawa has for this access key has expired";
        case Refusal::wrong_signature:
            return "the signature is not the one that the secret which nikawa has for this access "
                   "key makes of this request, for this Host or for the true one; check the "
                   "secret, and that nothing changes the request on its way here";
        case Refusal::wrong_chunk: return "the signature of a chunk of the body is wrong";
        case Refusal::malformed_chunk:
            return "the body is not in the signed chunks that X-Amz-Content-Sha256 announces";
        case Refusal::chunk_too_large:
            return "a signed chunk of the body is larger than --aws-max-chunk";
        case Refusal::body_too_large:
            return "the body is larger than --aws-max-body, up to which its hash is verified";
    }
    return "refused";
}

std::string message(int code) { return words(static_cast<Refusal>(code)); }

const LibraryCategory category{"aws", message};

}  // namespace

Failure failure_of(Refusal refusal) {
    const bool is_size = refusal == Refusal::chunk_too_large || refusal == Refusal::body_too_large;
    return {is_size ? Errc::signed_body_too_large : Errc::signature_refused,
            Side::client,
            {static_cast<int>(refusal), category}};
}

std::optional<Refusal> refusal_in(const Failure& failure) {
    if (!failure.cause || failure.cause.category() != category) return std::nullopt;
    return static_cast<Refusal>(failure.cause.value());
}

}  // namespace nikawa::aws
