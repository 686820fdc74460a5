// Requests and signatures that AWS has published: those of its signing test suite (service
// "service"), and the examples of the S3 API reference. botocore computes the same signatures.
#include "aws/aws_fixture.hpp"

namespace nikawa::aws {
namespace {

const std::string token =
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPf"
    "IeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7W"
    "Z0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8F"
    "DrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

struct Row {
    std::string_view name;
    std::string_view method;
    std::string_view target;
    Fields fields;  // besides Host and X-Amz-Date
    std::string_view signed_headers;
    std::string_view body;
    std::string_view signature;
};

const std::string plain = "host;x-amz-date";
const std::string vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
const std::string post_vanilla = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";

constexpr std::string_view unreserved =
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const std::string unreserved_path = "/" + std::string{unreserved};
const std::string unreserved_query = "/?" + std::string{unreserved} + "=" + std::string{unreserved};

const Row suite[] = {
    {"get-vanilla", "GET", "/", {}, plain, "", vanilla},
    {"get-vanilla-query", "GET", "/", {}, plain, "", vanilla},
    {"get-vanilla-empty-query-key",
     "GET",
     "/?Param1=value1",
     {},
     plain,
     "",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-query-order-key",
     "GET",
     "/?Param1=value2&Param1=Value1",
     {},
     plain,
     "",
     "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/?Param2=value2&Param1=value1",
     {},
     plain,
     "",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-order-value",
     "GET",
     "/?Param1=value2&Param1=value1",
     {},
     plain,
     "",
     "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
    {"get-vanilla-query-order-encoded",
     "GET",
     "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
     {},
     plain,
     "",
     "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
    {"get-vanilla-query-unreserved",
     "GET",
     unreserved_query,
     {},
     plain,
     "",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-utf8-query",
     "GET",
     "/?\u1234=bar",
     {},
     plain,
     "",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-unreserved",
     "GET",
     unreserved_path,
     {},
     plain,
     "",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-utf8",
     "GET",
     "/\u1234",
     {},
     plain,
     "",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-space",
     "GET",
     "/example space/",
     {},
     plain,
     "",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {"get-slash", "GET", "//", {}, plain, "", vanilla},
    {"get-slashes",
     "GET",
     "//example//",
     {},
     plain,
     "",
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {"get-slash-dot-slash", "GET", "/./", {}, plain, "", vanilla},
    {"get-slash-pointless-dot",
     "GET",
     "/./example",
     {},
     plain,
     "",
     "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {"get-relative", "GET", "/example/..", {}, plain, "", vanilla},
    {"get-relative-relative", "GET", "/example1/example2/../..", {}, plain, "", vanilla},
    {"get-header-key-duplicate",
     "GET",
     "/",
     {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
     "host;my-header1;x-amz-date",
     "",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-order",
     "GET",
     "/",
     {{"My-Header1", "value4"},
      {"My-Header1", "value1"},
      {"My-Header1", "value3"},
      {"My-Header1", "value2"}},
     "host;my-header1;x-amz-date",
     "",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    // Its lines are folded (RFC 9112 §5.2), which the parser of heads makes one of.
    {"get-header-value-multiline",
     "GET",
     "/",
     {{"My-Header1", "value1\t value2     value3"}},
     "host;my-header1;x-amz-date",
     "",
     "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd"},
    {"get-header-value-trim",
     "GET",
     "/",
     {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
     "host;my-header1;my-header2;x-amz-date",
     "",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla", "POST", "/", {}, plain, "", post_vanilla},
    {"post-header-key-case", "POST", "/", {}, plain, "", post_vanilla},
    {"post-header-key-sort",
     "POST",
     "/",
     {{"My-Header1", "value1"}},
     "host;my-header1;x-amz-date",
     "",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"post-header-value-case",
     "POST",
     "/",
     {{"My-Header1", "VALUE1"}},
     "host;my-header1;x-amz-date",
     "",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {"post-sts-header-before",
     "POST",
     "/",
     {{"X-Amz-Security-Token", token}},
     "host;x-amz-date;x-amz-security-token",
     "",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
    {"post-sts-header-after",
     "POST",
     "/",
     {{"X-Amz-Security-Token", token}},
     plain,
     "",
     post_vanilla},
    {"post-vanilla-query",
     "POST",
     "/?Param1=value1",
     {},
     plain,
     "",
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     {{"Content-Type", "application/x-www-form-urlencoded"}},
     "content-type;host;x-amz-date",
     "Param1=value1",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"post-x-www-form-urlencoded-parameters",
     "POST",
     "/",
     {{"Content-Type", "application/x-www-form-urlencoded; charset=utf8"}},
     "content-type;host;x-amz-date",
     "Param1=value1",
     "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
};

TEST(PublishedValues, OfTheSigningTestSuiteAreFoundRightAndMadeAnew) {
    for (const Row& row : suite) {
        SCOPED_TRACE(row.name);
        auto head = head_of(row.method, row.target, row.fields);
        const std::string before =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=" +
            std::string{row.signed_headers} + ", Signature=";
        head.fields.add("host", "example.amazonaws.com");
        head.fields.add("X-AMZ-Date", "20150830T123600Z");
        head.fields.add("Authorization", before + std::string{row.signature});
        auto key = suite_key;
        if (head.fields.find("x-amz-security-token")) key.session_token = token;

        const auto body_hash = sha256_hex(row.body);
        ASSERT_EQ(refusal_of(head, key, suite_time, body_hash), std::nullopt);
        const auto signer = signer_of(head, key, suite_time, body_hash);

        // The suite's Host stands for a true one here, to see that sign() makes the same.
        EXPECT_EQ(signer.sign(head), row.signature);
        EXPECT_EQ(*head.fields.find("authorization"), before + std::string{row.signature});
    }
}

struct S3Row {
    std::string_view name;
    std::string_view method;
    std::string_view target;
    Fields fields;
    std::string_view signed_headers;
    std::string_view signature;
};

const std::array<std::string, 2> bucket_host{"Host", "examplebucket.s3.amazonaws.com"};
const std::array<std::string, 2> s3_date{"x-amz-date", "20130524T000000Z"};
const std::array<std::string, 2> empty_body{"x-amz-content-sha256", std::string{hash_of_nothing}};

const S3Row s3_examples[] = {
    {"GET Object",
     "GET",
     "/test.txt",
     {bucket_host, {"Range", "bytes=0-9"}, empty_body, s3_date},
     "host;range;x-amz-content-sha256;x-amz-date",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"PUT Object",
     "PUT",
     "/test$file.text",
     {bucket_host,
      {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
      s3_date,
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"}},
     "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"GET Bucket Lifecycle",
     "GET",
     "/?lifecycle",
     {bucket_host, s3_date, empty_body},
     "host;x-amz-content-sha256;x-amz-date",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"Get Bucket (List Objects)",
     "GET",
     "/?max-keys=2&prefix=J",
     {bucket_host, s3_date, empty_body},
     "host;x-amz-content-sha256;x-amz-date",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

TEST(PublishedValues, OfS3sExamplesAreFoundRightAndMadeAnew) {
    for (const S3Row& row : s3_examples) {
        SCOPED_TRACE(row.name);
        auto head = head_of(row.method, row.target, row.fields);
        // As it stands there, without blanks.
        const std::string before =
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=" +
            std::string{row.signed_headers} + ",Signature=";
        head.fields.add("Authorization", before + std::string{row.signature});
        ASSERT_EQ(refusal_of(head, s3_key, s3_time), std::nullopt);
        EXPECT_EQ(signer_of(head, s3_key, s3_time).sign(head), row.signature);
        EXPECT_EQ(*head.fields.find("authorization"), before + std::string{row.signature});
    }
}

TEST(PublishedValues, OfThePresignedExampleAreFoundRightAndMadeAnew) {
    const std::string target =
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%"
        "2F20130524"
        "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-"
        "Sign"
        "edHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    auto head = head_of("GET", target, {bucket_host});
    ASSERT_EQ(refusal_of(head, s3_key, s3_time + std::chrono::hours{24}), std::nullopt);
    EXPECT_EQ(refusal_of(head, s3_key, s3_time + std::chrono::seconds{86401}), Refusal::expired);
    signer_of(head, s3_key, s3_time).sign(head);
    EXPECT_EQ(head.target, target);
}

}  // namespace
}  // namespace nikawa::aws
