#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/canonical_request.hpp"
#include "aws/query.hpp"
#include "nikawa/aws/refusal.hpp"
#include "nikawa/http/field_block.hpp"

namespace nikawa::aws {
namespace {

/// What a refusal is called: by S3, by the services that speak XML, by those that speak JSON. By
/// these names the SDKs decide what to do: some correct their clock and try again, or fetch new
/// credentials.
struct Codes {
    std::string_view s3;
    std::string_view query;
    std::string_view json;
};

constexpr Codes codes(Refusal refusal) {
    switch (refusal) {
        case Refusal::unknown_key:
        case Refusal::session_key:
            return {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"};
        case Refusal::malformed_payload_hash:
            return {"InvalidArgument", "IncompleteSignature", "IncompleteSignatureException"};
        case Refusal::malformed:
        case Refusal::repeated_authorization:
        case Refusal::malformed_date:
        case Refusal::repeated_token:
        case Refusal::signed_field_dropped:
            return {"AuthorizationHeaderMalformed",
                    "IncompleteSignature",
                    "IncompleteSignatureException"};
        case Refusal::malformed_query:
            return {"AuthorizationQueryParametersError",
                    "IncompleteSignature",
                    "IncompleteSignatureException"};
        case Refusal::unsupported:
            return {"NotImplemented", "InvalidAction", "UnsupportedOperationException"};
        case Refusal::field_not_signed:
            return {"AccessDenied", "SignatureDoesNotMatch", "InvalidSignatureException"};
        case Refusal::wrong_scope:
            return {"AuthorizationHeaderMalformed",
                    "SignatureDoesNotMatch",
                    "InvalidSignatureException"};
        case Refusal::too_skewed:
            return {"RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException"};
        case Refusal::not_yet_valid:
        case Refusal::expired:
            return {"AccessDenied", "SignatureDoesNotMatch", "InvalidSignatureException"};
        case Refusal::wrong_token:
            return {"InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException"};
        case Refusal::credential_expired:
            return {"ExpiredToken", "ExpiredToken", "ExpiredTokenException"};
        case Refusal::wrong_signature:
        case Refusal::wrong_chunk:
            return {"SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException"};
        case Refusal::malformed_chunk:
            return {"IncompleteBody", "IncompleteSignature", "IncompleteSignatureException"};
        case Refusal::chunk_too_large:
        case Refusal::body_too_large:
            return {"EntityTooLarge", "RequestEntityTooLarge", "RequestEntityTooLargeException"};
    }
    return {"AccessDenied", "AccessDenied", "AccessDeniedException"};
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out.append("&amp;"); break;
            case '<': out.append("&lt;"); break;
            case '>': out.append("&gt;"); break;
            case '"': out.append("&quot;"); break;
            case '\'': out.append("&apos;"); break;
            default:
                // XML 1.0 has no other control characters, and what is not ASCII might be no UTF-8.
                if ((c >= ' ' && c < 0x7f) || c == '\t' || c == '\n') {
                    out.push_back(c);
                } else {
                    out.push_back('?');
                }
        }
    }
    return out;
}

std::string element(std::string_view name, std::string_view content) {
    return std::string{"<"}
        .append(name)
        .append(">")
        .append(content)
        .append("</")
        .append(name)
        .append(">");
}

bool begins_with(std::string_view text, std::string_view beginning) {
    return http::equal_ignoring_case(text.substr(0, beginning.size()), beginning);
}

// Of the services whose requests may come without a body, and so without a Content-Type, those that
// answer in XML.
constexpr std::string_view xml_services[] = {"autoscaling",
                                             "cloudformation",
                                             "cloudfront",
                                             "elasticache",
                                             "elasticbeanstalk",
                                             "elasticloadbalancing",
                                             "iam",
                                             "monitoring",
                                             "rds",
                                             "redshift",
                                             "route53",
                                             "sdb",
                                             "ses",
                                             "sns",
                                             "sqs",
                                             "sts"};

/// Whether it is a request of an API in JSON whose signatures name it as another one in XML.
bool is_of_json_namesake(std::string_view service, std::string_view path) {
    // The first versions of these have everything at "/", the later ones, and the search itself of
    // CloudSearch, have not.
    if (service == "ses" || service == "cloudsearch") return path != "/";
    // The control plane; no bucket has capitals.
    return service == "s3-outposts" && path.starts_with("/S3Outposts/");
}

}  // namespace

std::string_view error_code(ErrorShape shape, Refusal refusal) {
    switch (shape) {
        case ErrorShape::s3_xml: return codes(refusal).s3;
        case ErrorShape::query_xml:
        case ErrorShape::ec2_xml: return codes(refusal).query;
        case ErrorShape::json: break;
    }
    return codes(refusal).json;
}

ErrorShape error_shape(std::string_view service,
                       std::string_view target,
                       std::string_view content_type) {
    if (is_of_json_namesake(service, path_of(target))) return ErrorShape::json;
    if (is_s3_family(service)) return ErrorShape::s3_xml;
    if (begins_with(content_type, "application/x-amz-json") ||
        begins_with(content_type, "application/json")) {
        return ErrorShape::json;
    }
    if (service == "ec2") return ErrorShape::ec2_xml;
    if (begins_with(content_type, "application/x-www-form-urlencoded") ||
        std::ranges::find(xml_services, service) != std::end(xml_services)) {
        return ErrorShape::query_xml;
    }
    return ErrorShape::json;
}

ErrorDocument error_document(ErrorShape shape,
                             Refusal refusal,
                             std::string_view message,
                             std::string_view request_id,
                             std::string_view content_type) {
    const auto code = error_code(shape, refusal);
    const auto xml = [&](const std::string& document) {
        std::string body{"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"};
        return ErrorDocument{"application/xml", body.append(document), std::string{code}};
    };
    const auto about = element("Code", code) + element("Message", escaped(message));
    const auto id = escaped(request_id);
    switch (shape) {
        case ErrorShape::s3_xml: return xml(element("Error", about + element("RequestId", id)));
        case ErrorShape::query_xml:
            return xml(element(
                "ErrorResponse",
                element("Error", element("Type", "Sender") + about) + element("RequestId", id)));
        case ErrorShape::ec2_xml:
            return xml(element(
                "Response", element("Errors", element("Error", about)) + element("RequestID", id)));
        case ErrorShape::json: break;
    }
    const nlohmann::ordered_json document{{"__type", code}, {"message", message}};
    const bool is_theirs = begins_with(content_type, "application/x-amz-json-1.");
    using nlohmann::ordered_json;
    return {std::string{is_theirs ? content_type : "application/json"},
            document.dump(-1, ' ', true, ordered_json::error_handler_t::replace),
            std::string{code}};
}

}  // namespace nikawa::aws
