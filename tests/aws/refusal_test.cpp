#include "nikawa/aws/refusal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace nikawa::aws {
namespace {

using testing::HasSubstr;

TEST(Refusal, IsTheCauseOfItsFailure) {
    for (int i = static_cast<int>(Refusal::unknown_key);
         i <= static_cast<int>(Refusal::body_too_large);
         ++i) {
        const auto refusal = static_cast<Refusal>(i);
        const Failure failure = failure_of(refusal);
        EXPECT_EQ(refusal_in(failure), refusal);
        EXPECT_EQ(failure.side, Side::client);
        const bool is_size =
            refusal == Refusal::chunk_too_large || refusal == Refusal::body_too_large;
        EXPECT_EQ(failure.code, is_size ? Errc::signed_body_too_large : Errc::signature_refused);
        EXPECT_NE(failure.cause.message(), "refused");
    }
    EXPECT_FALSE(refusal_in({Errc::signature_refused, Side::client}));
    EXPECT_FALSE(
        refusal_in({Errc::connect_failed, Side::origin, {1, boost::system::system_category()}}));
}

TEST(Refusal, OfAnUnknownKeyNamesTheThreeWaysOut) {
    const auto text = describe(failure_of(Refusal::unknown_key));
    for (const char* const setting : {"--aws-credentials", "--aws-metadata", "--https-for"}) {
        EXPECT_THAT(text, HasSubstr(setting));
    }
}

TEST(Refusal, SaysForEachWhatNoOtherSays) {
    std::set<std::string> texts;
    constexpr int last = static_cast<int>(Refusal::body_too_large);
    for (int i = static_cast<int>(Refusal::unknown_key); i <= last; ++i) {
        texts.insert(describe(failure_of(static_cast<Refusal>(i))));
    }
    EXPECT_EQ(texts.size(), static_cast<std::size_t>(last));
}

TEST(Refusal, NamesAbsoluteFormWhereTheTrueHostMayBeTheSignedOne) {
    EXPECT_THAT(describe(failure_of(Refusal::unknown_key)), HasSubstr("absolute form"));
    EXPECT_THAT(
        describe(failure_of(Refusal::session_key)),
        testing::AllOf(HasSubstr("--https-for"), testing::Not(HasSubstr("--aws-credentials"))));
}

TEST(ErrorShape, FollowsTheServiceAndTheRequest) {
    const auto form = "application/x-www-form-urlencoded; charset=utf-8";
    const struct {
        std::string_view service;
        std::string_view target;
        std::string_view content_type;
        ErrorShape shape;
    } rows[] = {
        {"s3", "/", "", ErrorShape::s3_xml},
        {"s3", "/b/k", "application/json", ErrorShape::s3_xml},
        {"s3express", "/k", "", ErrorShape::s3_xml},
        {"s3-outposts", "/k", "", ErrorShape::s3_xml},
        {"s3-outposts", "/S3Outposts/ListEndpoints?maxResults=1", "", ErrorShape::json},
        {"s3-outposts", "/S3Outposts/CreateEndpoint", "application/json", ErrorShape::json},
        {"sqs", "/", "application/x-amz-json-1.0", ErrorShape::json},
        {"sqs", "/1234/q", form, ErrorShape::query_xml},
        {"sts", "/?Action=GetCallerIdentity", "", ErrorShape::query_xml},
        {"ses", "/", form, ErrorShape::query_xml},
        {"ses", "/?Action=ListIdentities", "", ErrorShape::query_xml},
        {"ses", "/v2/email/account", "", ErrorShape::json},
        {"ses", "/v1/email/account", "", ErrorShape::json},
        {"ses", "/v2/email/tags", "application/json", ErrorShape::json},
        {"cloudsearch", "/", form, ErrorShape::query_xml},
        {"cloudsearch", "/2013-01-01/search", form, ErrorShape::json},
        {"cloudsearch", "/2013-01-01/search?q=a", "", ErrorShape::json},
        {"ec2", "/", form, ErrorShape::ec2_xml},
        {"dynamodb", "/", "Application/X-Amz-Json-1.0", ErrorShape::json},
        {"lambda", "/2015-03-31/functions/", "", ErrorShape::json},
        {"route53", "/2013-04-01/hostedzone", "", ErrorShape::query_xml},
        {"route53", "/", "application/json", ErrorShape::json},
        {"something", "/", "text/plain", ErrorShape::json},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(std::string{row.service}.append(" ").append(row.target));
        EXPECT_EQ(error_shape(row.service, row.target, row.content_type), row.shape);
    }
}

TEST(ErrorDocument, IsTheOneOfS3) {
    const auto document =
        error_document(ErrorShape::s3_xml, Refusal::unknown_key, "a <b> & \"c\" 'd'\x01", "id<1>");
    EXPECT_EQ(document.content_type, "application/xml");
    EXPECT_EQ(document.error_type, "InvalidAccessKeyId");
    EXPECT_EQ(document.body,
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidAccessKeyId</Code>"
              "<Message>a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;?</Message>"
              "<RequestId>id&lt;1&gt;</RequestId></Error>");
}

TEST(ErrorDocument, IsTheOneOfServicesThatSpeakXml) {
    EXPECT_EQ(error_document(ErrorShape::query_xml, Refusal::wrong_signature, "m", "i").body,
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ErrorResponse><Error>"
              "<Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>m</Message></Error>"
              "<RequestId>i</RequestId></ErrorResponse>");
    EXPECT_EQ(error_document(ErrorShape::ec2_xml, Refusal::unknown_key, "m", "i").body,
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>"
              "<Code>InvalidClientTokenId</Code><Message>m</Message></Error></Errors>"
              "<RequestID>i</RequestID></Response>");
}

TEST(ErrorDocument, IsTheOneOfServicesThatSpeakJson) {
    const auto document = error_document(ErrorShape::json,
                                         Refusal::unknown_key,
                                         "a \"b\" \\ \n\xff",
                                         "i",
                                         "application/x-amz-json-1.1");
    EXPECT_EQ(document.content_type, "application/x-amz-json-1.1");
    EXPECT_EQ(document.error_type, "UnrecognizedClientException");
    EXPECT_EQ(document.body,
              R"({"__type":"UnrecognizedClientException","message":"a \"b\" \\ \n\ufffd"})");
    EXPECT_EQ(
        error_document(ErrorShape::json, Refusal::expired, "m", "i", "text/html").content_type,
        "application/json");
}

TEST(ErrorDocument, NamesTheErrorAsAwsDoes) {
    const struct {
        Refusal refusal;
        std::string_view s3;
        std::string_view query;
        std::string_view json;
    } rows[] = {
        {Refusal::malformed,
         "AuthorizationHeaderMalformed",
         "IncompleteSignature",
         "IncompleteSignatureException"},
        {Refusal::malformed_payload_hash,
         "InvalidArgument",
         "IncompleteSignature",
         "IncompleteSignatureException"},
        {Refusal::session_key,
         "InvalidAccessKeyId",
         "InvalidClientTokenId",
         "UnrecognizedClientException"},
        {Refusal::malformed_query,
         "AuthorizationQueryParametersError",
         "IncompleteSignature",
         "IncompleteSignatureException"},
        {Refusal::too_skewed,
         "RequestTimeTooSkewed",
         "RequestExpired",
         "InvalidSignatureException"},
        {Refusal::expired, "AccessDenied", "SignatureDoesNotMatch", "InvalidSignatureException"},
        {Refusal::wrong_token,
         "InvalidToken",
         "InvalidClientTokenId",
         "UnrecognizedClientException"},
        {Refusal::credential_expired, "ExpiredToken", "ExpiredToken", "ExpiredTokenException"},
        {Refusal::wrong_chunk,
         "SignatureDoesNotMatch",
         "SignatureDoesNotMatch",
         "InvalidSignatureException"},
        {Refusal::body_too_large,
         "EntityTooLarge",
         "RequestEntityTooLarge",
         "RequestEntityTooLargeException"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.s3);
        EXPECT_EQ(error_document(ErrorShape::s3_xml, row.refusal, "", "").error_type, row.s3);
        EXPECT_EQ(error_document(ErrorShape::query_xml, row.refusal, "", "").error_type, row.query);
        EXPECT_EQ(error_document(ErrorShape::json, row.refusal, "", "").error_type, row.json);
    }
}

}  // namespace
}  // namespace nikawa::aws
