#include "aws/aws_fixture.hpp"

namespace nikawa::aws {
namespace {

const std::string signature(64, 'a');
const std::string credential = "AKID/20130524/us-east-1/s3/aws4_request";

const Fields dated{{"Host", "h"}, {"x-amz-date", "20130524T000000Z"}};

Fields with(Fields fields, const Fields& more) {
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

Fields authorized(const std::string& authorization) {
    return with(dated, {{"Authorization", authorization}});
}

const std::string authorization = "AWS4-HMAC-SHA256 Credential=" + credential +
                                  ", SignedHeaders=host;x-amz-date, Signature=" + signature;

std::string presigned(const std::string& more = {}) {
    return "/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20130524%2Fus-east-1%2Fs3"
           "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders="
           "host%3Brange&X-Amz-Signature=" +
           signature + more;
}

std::optional<RequestSignature> found(std::string_view target, const Fields& fields) {
    const auto signature_found = find_signature(head_of("GET", target, fields));
    EXPECT_TRUE(signature_found.has_value());
    return signature_found ? *signature_found : std::nullopt;
}

std::optional<Refusal> refusal(std::string_view target, const Fields& fields) {
    const auto signature_found = find_signature(head_of("GET", target, fields));
    return signature_found ? std::nullopt : refusal_in(signature_found.error());
}

TEST(FindSignature, ReadsAuthorization) {
    const auto it = found("/", with(authorized(authorization), {{"X-Amz-Security-Token", "t/=="}}));
    ASSERT_TRUE(it);
    EXPECT_EQ(it->placement, Placement::authorization);
    EXPECT_EQ(it->access_key_id, "AKID");
    EXPECT_EQ(it->date, "20130524");
    EXPECT_EQ(it->region, "us-east-1");
    EXPECT_EQ(it->service, "s3");
    EXPECT_EQ(it->timestamp, "20130524T000000Z");
    EXPECT_EQ(it->signed_headers, (std::vector<std::string>{"host", "x-amz-date"}));
    EXPECT_EQ(it->signature, signature);
    EXPECT_EQ(it->session_token, "t/==");
    EXPECT_EQ(it->payload, Payload::body);
}

TEST(FindSignature, ReadsAuthorizationInAnyOrderAndSpacing) {
    for (const std::string& one : {"AWS4-HMAC-SHA256 Credential=" + credential +
                                       ",SignedHeaders=host,Signature=" + signature,
                                   "AWS4-HMAC-SHA256  Signature=" + signature +
                                       " ,\tSignedHeaders=host,  Credential=" + credential}) {
        SCOPED_TRACE(one);
        const auto it = found("/", authorized(one));
        ASSERT_TRUE(it);
        EXPECT_EQ(it->access_key_id, "AKID");
        EXPECT_EQ(it->signed_headers, std::vector<std::string>{"host"});
        EXPECT_EQ(it->signature, signature);
    }
    // Servers other than AWS's have such keys.
    const auto odd =
        found("/",
              authorized("AWS4-HMAC-SHA256 Credential=a/b=c@d/" + credential.substr(5) +
                         ",SignedHeaders=host,Signature=" + signature));
    ASSERT_TRUE(odd);
    EXPECT_EQ(odd->access_key_id, "a/b=c@d");
}

TEST(FindSignature, ReadsAPresignedQuery) {
    const auto it = found(presigned("&X-Amz-Security-Token=a%2Bb%2F%3D&other=x"), {{"Host", "h"}});
    ASSERT_TRUE(it);
    EXPECT_EQ(it->placement, Placement::query);
    EXPECT_EQ(it->access_key_id, "AKID");
    EXPECT_EQ(it->service, "s3");
    EXPECT_EQ(it->timestamp, "20130524T000000Z");
    EXPECT_EQ(it->expires, std::chrono::seconds{60});
    EXPECT_EQ(it->signed_headers, (std::vector<std::string>{"host", "range"}));
    EXPECT_EQ(it->session_token, "a+b/=");
    EXPECT_EQ(it->payload, Payload::as_given);
    EXPECT_EQ(it->payload_hash, "UNSIGNED-PAYLOAD");
}

TEST(FindSignature, FindsNothingInOtherRequests) {
    const struct {
        std::string_view target;
        Fields fields;
    } rows[] = {
        {"/", {{"Host", "h"}}},
        {"/?a=b&X-Amz-Signature=1", {{"Host", "h"}}},
        {"/?X-Amz-Algorithm=other", {{"Host", "h"}}},
        {"/?x=X-Amz-Algorithm%3DAWS4-HMAC-SHA256", {{"Host", "h"}}},
        {"/", {{"Authorization", "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="}}},
        {"/k?AWSAccessKeyId=A&Signature=b&Expires=1", {{"Host", "h"}}},
        {"/", {{"Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}}},
        {"/", {{"Authorization", "Bearer AWS4-HMAC-SHA256"}}},
        {"/", {{"Authorization", "Basic a"}, {"Authorization", "Basic b"}}},
        {"/", {{"X-Authorization", authorization}}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.target);
        EXPECT_FALSE(found(row.target, row.fields));
    }
}

TEST(FindSignature, RefusesWhatCannotBeReadOrCanBeInTwoWays) {
    const std::string a = "AWS4-HMAC-SHA256 ";
    const std::string c = "Credential=" + credential;
    const std::string h = "SignedHeaders=host";
    const std::string s = "Signature=" + signature;
    const std::string rows[] = {
        "AWS4-HMAC-SHA256",
        a,
        a + c,
        a + c + "," + h,
        a + c + "," + h + ",Signature=",
        a + c + "," + h + ",Signature=abc",
        a + c + "," + h + "," + s + "0",
        a + c + "," + h + ",Signature=" + std::string(64, 'g'),
        a + c + "," + h + "," + s + "," + s,
        a + c + "," + c + "," + h + "," + s,
        a + c + "," + h + "," + s + ",Other=1",
        a + c + " " + h + " " + s,
        a + "Credential=AKID/20130524/s3/aws4_request," + h + "," + s,
        a + "Credential=/20130524/us-east-1/s3/aws4_request," + h + "," + s,
        a + "Credential=AKID/20130524/us-east-1//aws4_request," + h + "," + s,
        a + c + ",SignedHeaders=," + s,
        a + c + ",SignedHeaders=host;," + s,
        a + c + ",SignedHeaders=host;host," + s,
        a + c + ",SignedHeaders=Host," + s,
        a + c + ",SignedHeaders=host;a:b," + s,
        "AWS4-HMAC-SHA512 " + c + "," + h + "," + s,
        "AWS4-HMAC-SHA256," + c + "," + h + "," + s,
    };
    for (const std::string& row : rows) {
        SCOPED_TRACE(row);
        EXPECT_EQ(refusal("/", authorized(row)), Refusal::malformed);
    }
    EXPECT_EQ(refusal("/",
                      authorized(a + "Credential=AKID/20130524/us-east-1/s3/aws5_request," + h +
                                 "," + s)),
              Refusal::wrong_scope);
    EXPECT_EQ(refusal("/", with(authorized(authorization), {{"authorization", "Basic x"}})),
              Refusal::repeated_authorization);
    EXPECT_EQ(refusal("/", with(authorized(authorization), {{"X-Amz-Date", "20130524T000001Z"}})),
              Refusal::malformed_date);
    EXPECT_EQ(refusal("/", with(authorized(authorization), {{"X-Amz-Content-Sha256", "x"}})),
              Refusal::malformed_payload_hash);
    EXPECT_EQ(refusal("/",
                      with(authorized(authorization),
                           {{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"},
                            {"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"}})),
              Refusal::malformed_payload_hash);
    EXPECT_EQ(refusal("/",
                      with(authorized(authorization),
                           {{"X-Amz-Security-Token", "a"}, {"X-Amz-Security-Token", "a"}})),
              Refusal::repeated_token);
}

TEST(FindSignature, TakesSoManySignedHeadersAndNoMore) {
    std::string list = "host";
    for (int i = 1; i < 256; ++i) list += ";x" + std::to_string(i);
    const auto of = [](const std::string& signed_headers) {
        return authorized("AWS4-HMAC-SHA256 Credential=" + credential +
                          ",SignedHeaders=" + signed_headers + ",Signature=" + signature);
    };
    EXPECT_EQ(refusal("/", of(list)), std::nullopt);
    EXPECT_EQ(refusal("/", of(list + ";y")), Refusal::malformed);
}

TEST(FindSignature, RefusesAPresignedQueryThatCannotBeReadOrCanBeInTwoWays) {
    const Fields host{{"Host", "h"}};
    EXPECT_EQ(refusal(presigned("&X-Amz-Signature=" + signature), host), Refusal::malformed_query);
    EXPECT_EQ(refusal(presigned("&X%2DAmz-Date=20130524T000000Z"), host), Refusal::malformed_query);
    EXPECT_EQ(refusal(presigned(), authorized(authorization)), Refusal::malformed_query);
    EXPECT_EQ(refusal(presigned(), with(host, {{"Authorization", "Basic x"}})),
              Refusal::malformed_query);
    EXPECT_EQ(refusal("/?X-Amz-Algorithm=AWS4-HMAC-SHA256", host), Refusal::malformed_query);
    for (const std::string_view expires :
         {"", "0", "-1", "604801", "60s", "99999999999999999999"}) {
        SCOPED_TRACE(expires);
        auto target = presigned();
        target.replace(target.find("Expires=60") + 8, 2, expires);
        EXPECT_EQ(refusal(target, host), Refusal::malformed_query);
    }
    auto target = presigned();
    target.replace(target.find("Expires=60") + 8, 2, "604800");
    EXPECT_EQ(refusal(target, host), std::nullopt);
}

TEST(FindSignature, SaysWhichAlgorithmsCannotBeMadeAnew) {
    auto ecdsa = authorization;
    ecdsa.replace(0, 16, "AWS4-ECDSA-P256-SHA256");
    EXPECT_EQ(refusal("/", authorized(ecdsa)), Refusal::unsupported);
    EXPECT_EQ(refusal("/?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", {}), Refusal::unsupported);
    for (const char* const payload : {"STREAMING-AWS4-HMAC-SHA256-EVENTS",
                                      "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
                                      "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"}) {
        EXPECT_EQ(
            refusal("/", with(authorized(authorization), {{"X-Amz-Content-Sha256", payload}})),
            Refusal::unsupported);
    }
}

TEST(FindSignature, KnowsWhatIsSignedOfTheBody) {
    const struct {
        std::string given;
        Payload payload;
    } rows[] = {
        {std::string{hash_of_nothing}, Payload::as_given},
        {"UNSIGNED-PAYLOAD", Payload::as_given},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", Payload::as_given},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", Payload::chunks},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", Payload::chunks_and_trailer},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.given);
        const Fields field{{"X-Amz-Content-Sha256", row.given}};
        for (const auto& it : {found("/", with(authorized(authorization), field)),
                               found(presigned(), field),
                               found(presigned("&X-Amz-Content-Sha256=" + row.given), {})}) {
            ASSERT_TRUE(it);
            EXPECT_EQ(it->payload, row.payload);
            EXPECT_EQ(it->payload_hash, row.given);
        }
    }
    // S3 alone takes what says nothing for unsigned, and that only where it is presigned.
    auto sts = presigned();
    sts.replace(sts.find("%2Fs3%2F"), 8, "%2Fsts%2F");
    EXPECT_EQ(found(sts, {})->payload, Payload::body);
}

TEST(FindSignature, TakesTheTimeOfDateWhereThereIsNoOther) {
    const struct {
        std::string date;
        std::string timestamp;
    } rows[] = {
        {"Fri, 24 May 2013 07:08:09 GMT", "20130524T070809Z"},
        {"Friday, 24-May-13 07:08:09 GMT", "20130524T070809Z"},
        {"Fri May 24 07:08:09 2013", "20130524T070809Z"},
        {"Wed Nov  6 08:49:37 2013", "20131106T084937Z"},
        {"Fri, 24 May 2013 07:08:09 -0000", "20130524T070809Z"},
        {"20130524T070809Z", "20130524T070809Z"},
    };
    const auto at = [](const std::string& date) {
        return Fields{{"Host", "h"}, {"Date", date}, {"Authorization", authorization}};
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.date);
        const auto it = found("/", at(row.date));
        ASSERT_TRUE(it);
        EXPECT_EQ(it->timestamp, row.timestamp);
    }
    for (const char* const date : {"",
                                   "tomorrow",
                                   "Fri, 31 Feb 2013 07:08:09 GMT",
                                   "Fri, 24 May 2013 24:08:09 GMT",
                                   "Fri, 24 May 2013 07:08:09 JST",
                                   "Fri, 24 Mai 2013 07:08:09 GMT",
                                   "2013-05-24T07:08:09Z",
                                   "20130524T070809",
                                   "20131324T070809Z",
                                   "02130524T070809Z",
                                   "99991231T235959Z",
                                   "Fri",
                                   "Fri, "}) {
        SCOPED_TRACE(date);
        EXPECT_EQ(refusal("/", at(date)), Refusal::malformed_date);
    }
    EXPECT_EQ(refusal("/", {{"Authorization", authorization}}), Refusal::malformed_date);
    EXPECT_EQ(found("/", with(authorized(authorization), {{"Date", "tomorrow"}}))->timestamp,
              "20130524T000000Z");
}

}  // namespace
}  // namespace nikawa::aws
