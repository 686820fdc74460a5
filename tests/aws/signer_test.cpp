#include "aws/aws_fixture.hpp"

namespace nikawa::aws {
namespace {

const std::string suffixed = "b.s3.eu-west-1.amazonaws.com.ccnproxy-https";
const std::string true_host = "b.s3.eu-west-1.amazonaws.com";
const std::string timestamp = "20130524T000000Z";
const std::string empty_hash{hash_of_nothing};

/// A request, its Authorization made of the canonical request that the test writes out.
http::RequestHead signed_request(std::string_view method,
                                 std::string_view target,
                                 const Fields& fields,
                                 std::string_view service,
                                 std::string_view signed_headers,
                                 std::string_view canonical) {
    auto head = head_of(method, target, fields);
    head.fields.add(
        "Authorization",
        std::string{"AWS4-HMAC-SHA256 Credential="}
            .append(s3_key.access_key_id)
            .append("/20130524/eu-west-1/")
            .append(service)
            .append("/aws4_request, SignedHeaders=")
            .append(signed_headers)
            .append(", Signature=")
            .append(signature_over(canonical, s3_key, timestamp, "eu-west-1", service)));
    return head;
}

/// The canonical request of a GET with Host and x-amz-date.
std::string canonical_get(std::string_view path, std::string_view query, std::string_view host) {
    return std::string{"GET\n"}
        .append(path)
        .append("\n")
        .append(query)
        .append("\nhost:")
        .append(host)
        .append("\nx-amz-date:20130524T000000Z\n\nhost;x-amz-date\n")
        .append(hash_of_nothing);
}

http::RequestHead get_signed_as(std::string_view target,
                                std::string_view service,
                                std::string_view path,
                                std::string_view query) {
    return signed_request("GET",
                          target,
                          {{"Host", suffixed}, {"x-amz-date", timestamp}},
                          service,
                          "host;x-amz-date",
                          canonical_get(path, query, suffixed));
}

TEST(Signer, SignsForTheTrueHostAndChangesNothingElse) {
    const auto canonical = [](std::string_view host) {
        return "PUT\n/a%20b\nacl=\nhost:" + std::string{host} +
               "\nrange:bytes=0-9\nx-amz-content-sha256:UNSIGNED-PAYLOAD"
               "\nx-amz-date:20130524T000000Z\n\nhost;range;x-amz-content-sha256;x-amz-date\n"
               "UNSIGNED-PAYLOAD";
    };
    auto head = signed_request("PUT",
                               "/a%20b?acl",
                               {{"Host", suffixed},
                                {"Range", "bytes=0-9"},
                                {"X-Amz-Date", timestamp},
                                {"X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"},
                                {"User-Agent", "x"}},
                               "s3",
                               "host;range;x-amz-content-sha256;x-amz-date",
                               canonical(suffixed));
    const auto signer = signer_of(head, s3_key, s3_time);
    const std::string before{*head.fields.find("authorization")};
    head.fields.set("Host", true_host);
    head.fields.add("Via", "1.1 x");

    const auto signature = signer.sign(head);
    EXPECT_EQ(signature,
              signature_over(canonical(true_host), s3_key, timestamp, "eu-west-1", "s3"));
    EXPECT_EQ(*head.fields.find("authorization"), before.substr(0, before.size() - 64) + signature);
    EXPECT_EQ(head.fields.size(), 7U);
    EXPECT_EQ(head.target, "/a%20b?acl");
}

/// A GET with Host and x-amz-date that came with `sent` and was signed for `host`.
http::RequestHead get_signed_for(std::string_view host, std::string_view sent) {
    return signed_request("GET",
                          "/",
                          {{"Host", std::string{sent}}, {"x-amz-date", timestamp}},
                          "sqs",
                          "host;x-amz-date",
                          canonical_get("/", "", host));
}

TEST(Signer, VerifiesWhicheverHostWasSignedOfThoseThatItIsTold) {
    const std::string sent = suffixed + ":3000";
    const std::vector<std::string> others{suffixed, true_host};
    for (const std::string_view host : {std::string_view{sent}, std::string_view{suffixed}}) {
        SCOPED_TRACE(host);
        auto head = get_signed_for(host, sent);
        const auto signer =
            Signer::verify(head, **find_signature(head), s3_key, hash_of_nothing, s3_time, others);
        ASSERT_TRUE(signer);
        head.fields.set("Host", true_host);
        EXPECT_EQ(signer->sign(head),
                  signature_over(
                      canonical_get("/", "", true_host), s3_key, timestamp, "eu-west-1", "sqs"));
    }
    for (const std::string_view host : {true_host + ":3000", std::string{"other"}}) {
        SCOPED_TRACE(host);
        const auto head = get_signed_for(host, sent);
        const auto signer =
            Signer::verify(head, **find_signature(head), s3_key, hash_of_nothing, s3_time, others);
        ASSERT_FALSE(signer);
        EXPECT_EQ(refusal_in(signer.error()), Refusal::wrong_signature);
    }
    EXPECT_EQ(refusal_of(get_signed_for(suffixed, sent), s3_key, s3_time),
              Refusal::wrong_signature);
}

TEST(Signer, LeavesWhatWasSignedForTheTrueHostAsItIs) {
    const std::vector<std::string> others{true_host};
    auto head = get_signed_for(true_host, suffixed);
    const auto found = **find_signature(head);
    const auto signer = Signer::verify(head, found, s3_key, hash_of_nothing, s3_time, others);
    ASSERT_TRUE(signer);
    const std::string before{*head.fields.find("authorization")};
    head.fields.set("Host", true_host);
    EXPECT_EQ(signer->sign(head), found.signature);
    EXPECT_EQ(*head.fields.find("authorization"), before);

    auto other_key = s3_key;
    other_key.secret_access_key.back() = 'z';
    const auto refused = Signer::verify(head, found, other_key, hash_of_nothing, s3_time, others);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refusal_in(refused.error()), Refusal::wrong_signature);
}

TEST(Signer, SignsAPresignedRequestForTheTrueHost) {
    const std::string query =
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Feu-"
        "west"
        "-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders="
        "host";
    const auto canonical = [&](std::string_view host) {
        return "GET\n/k\n" + query + "&x=1\nhost:" + std::string{host} +
               "\n\nhost\nUNSIGNED-PAYLOAD";
    };
    const auto of = [&](std::string_view host) {
        return signature_over(canonical(host), s3_key, timestamp, "eu-west-1", "s3");
    };
    // The signature need not be the last parameter.
    auto head = head_of(
        "GET", "/k?" + query + "&X-Amz-Signature=" + of(suffixed) + "&x=1", {{"Host", suffixed}});
    ASSERT_EQ(refusal_of(head, s3_key, s3_time), std::nullopt);
    const auto signer = signer_of(head, s3_key, s3_time);
    head.fields.set("Host", true_host);
    EXPECT_EQ(signer.sign(head), of(true_host));
    EXPECT_EQ(head.target, "/k?" + query + "&X-Amz-Signature=" + of(true_host) + "&x=1");
}

TEST(Signer, LeavesFieldsThatDoNotGoOnOutOfSignedHeaders) {
    const std::string fields = "\nx-amz-date:20130524T000000Z\n\n";
    auto head = signed_request(
        "GET",
        "/",
        {{"Host", suffixed}, {"Connection", "keep-alive"}, {"x-amz-date", timestamp}},
        "sqs",
        "connection;host;x-amz-date",
        "GET\n/\n\nconnection:keep-alive\nhost:" + suffixed + fields +
            "connection;host;x-amz-date\n" + empty_hash);
    const auto signer = signer_of(head, s3_key, s3_time);
    head.fields.set("Host", true_host);
    head.fields.remove_if([](const auto& field) { return field.name == "Connection"; });
    const auto signature = signer.sign(head);
    EXPECT_EQ(
        signature,
        signature_over("GET\n/\n\nhost:" + true_host + fields + "host;x-amz-date\n" + empty_hash,
                       s3_key,
                       timestamp,
                       "eu-west-1",
                       "sqs"));
    EXPECT_EQ(
        *head.fields.find("authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/eu-west-1/sqs/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=" +
            signature);
}

TEST(Signer, LeavesThemOutOfThoseOfAPresignedRequestToo) {
    const auto query = [](std::string_view list) {
        return "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
               "%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60"
               "&X-Amz-SignedHeaders=" +
               std::string{list};
    };
    const auto before =
        signature_over("GET\n/\n" + query("host%3Brange%3Bte") + "\nhost:" + suffixed +
                           "\nrange:bytes=1-2\nte:trailers\n\n"
                           "host;range;te\nUNSIGNED-PAYLOAD",
                       s3_key,
                       timestamp,
                       "eu-west-1",
                       "s3");
    auto head = head_of("GET",
                        "/?" + query("host;range;te") + "&X-Amz-Signature=" + before,
                        {{"Host", suffixed}, {"TE", "trailers"}, {"Range", "bytes=1-2"}});
    ASSERT_EQ(refusal_of(head, s3_key, s3_time), std::nullopt);
    const auto signer = signer_of(head, s3_key, s3_time);
    head.fields.set("Host", true_host);
    head.fields.remove_if([](const auto& field) { return field.name == "TE"; });
    const auto after = signature_over("GET\n/\n" + query("host%3Brange") + "\nhost:" + true_host +
                                          "\nrange:bytes=1-2\n\nhost;range\nUNSIGNED-PAYLOAD",
                                      s3_key,
                                      timestamp,
                                      "eu-west-1",
                                      "s3");
    EXPECT_EQ(signer.sign(head), after);
    EXPECT_EQ(head.target, "/?" + query("host%3Brange") + "&X-Amz-Signature=" + after);
}

// On the wire a path and a query stand as the client's HTTP library writes them; in what is signed,
// as its signer does.
TEST(Signer, FindsTheWayInWhichTheTargetWasWritten) {
    const struct {
        std::string_view service;
        std::string_view target;
        std::string_view path;
        std::string_view query;
    } rows[] = {
        {"s3", "/a%20b/c+d/~e", "/a%20b/c%2Bd/~e", ""},
        {"s3", "/a%20b/c+d/~e", "/a%20b/c+d/~e", ""},
        {"s3", "/a%20b/c+d/~e", "/a%20b/c%20d/~e", ""},
        {"s3", "/a+b%2Bc%2Fd", "/a%20b%2Bc%2Fd", ""},
        {"s3", "/a//b/../c/./d/", "/a//b/../c/./d/", ""},
        {"s3", "/%c3%a4%7e", "/%C3%A4~", ""},
        {"s3", "/%c3%a4%7e", "/%c3%a4%7e", ""},
        {"s3", "/a:b@c=d!e(f)*'", "/a%3Ab%40c%3Dd%21e%28f%29%2A%27", ""},
        {"s3", "/a:b@c=d!e(f)*'", "/a:b@c=d!e(f)*'", ""},
        {"s3", "/a%2Fb", "/a%2Fb", ""},
        {"s3", "/a%2Fb", "/a/b", ""},
        {"s3", "/a%", "/a%25", ""},
        {"s3", "/?list-type=2&prefix=a+b", "/", "list-type=2&prefix=a%20b"},
        {"s3", "/?list-type=2&prefix=a+b", "/", "list-type=2&prefix=a%2Bb"},
        {"s3", "/?prefix=a/b&x=%e4", "/", "prefix=a%2Fb&x=%E4"},
        {"s3", "/?prefix=a/b&x=%e4", "/", "prefix=a/b&x=%e4"},
        {"s3", "/?b&a&&c=&a=1=2&", "/", "a=&a=1%3D2&b=&c="},
        {"s3", "/?b&a&&c=&a=1=2&", "/", "=&=&a=&a=1=2&b=&c="},
        {"s3", "/?&", "/", "=&="},
        {"s3", "/?&", "/", ""},
        {"s3", "/?", "/", ""},
        {"s3", "/?a-b=1&a=1", "/", "a=1&a-b=1"},
        {"execute-api", "/a%20b", "/a%2520b", ""},
        {"execute-api", "/a/./b//c/../d/", "/a/b/d/", ""},
        {"execute-api", "/a//b", "/a//b", ""},
        {"execute-api", "/", "/", ""},
        {"bedrock", "/model/x.y-v2%3A0/invoke", "/model/x.y-v2%253A0/invoke", ""},
        {"bedrock", "/model/x.y-v2:0/invoke", "/model/x.y-v2%3A0/invoke", ""},
        {"bedrock", "/model/x.y-v2:0/invoke", "/model/x.y-v2%253A0/invoke", ""},
        {"bedrock", "/model/x%3ay", "/model/x%3Ay", ""},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(std::string{row.target} + " as " + std::string{row.path} + "?" +
                     std::string{row.query});
        auto head = get_signed_as(row.target, row.service, row.path, row.query);
        ASSERT_EQ(refusal_of(head, s3_key, s3_time), std::nullopt);
        const auto signer = signer_of(head, s3_key, s3_time);
        head.fields.set("Host", true_host);
        EXPECT_EQ(signer.sign(head),
                  signature_over(canonical_get(row.path, row.query, true_host),
                                 s3_key,
                                 timestamp,
                                 "eu-west-1",
                                 row.service));
        EXPECT_EQ(head.target, row.target);
    }
}

TEST(Signer, RefusesPathsThatAnotherServiceWouldTakeForTheSame) {
    const struct {
        std::string_view service;
        std::string_view target;
        std::string_view path;
    } rows[] = {
        {"s3", "/a//b", "/a/b"},
        {"s3", "/a/../b", "/b"},
        {"s3", "/a%20b", "/a%2520b"},
        {"s3", "/a%2520b", "/a%20b"},
        {"s3", "/a%2Bb", "/a%20b"},
        {"s3", "/a%20b", "/a+b"},
        {"execute-api", "/a+b", "/a%20b"},
        {"sqs", "/a%2520b", "/a%20b"},
        {"sqs", "/a/b", "/a/c"},
        {"sqs", "/a%2Fb", "/a/b"},
        {"sqs", "/A", "/a"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.target);
        EXPECT_EQ(refusal_of(get_signed_as(row.target, row.service, row.path, ""), s3_key, s3_time),
                  Refusal::wrong_signature);
    }
}

// For AWS IoT the token is put in when the rest is signed already.
TEST(Signer, TakesAPresignedTokenThatIsNotSigned) {
    const std::string query =
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Feu-"
        "west"
        "-1%2Fiotdevicegateway%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host";
    const auto signature =
        signature_over("GET\n/mqtt\n" + query + "\nhost:" + suffixed + "\n\nhost\n" + empty_hash,
                       s3_key,
                       timestamp,
                       "eu-west-1",
                       "iotdevicegateway");
    auto key = s3_key;
    key.session_token = "t=";
    const auto head =
        head_of("GET",
                "/mqtt?" + query + "&X-Amz-Signature=" + signature + "&X-Amz-Security-Token=t%3D",
                {{"Host", suffixed}});
    EXPECT_EQ(refusal_of(head, key, s3_time), std::nullopt);
    EXPECT_EQ(refusal_of(head, key, s3_time + std::chrono::minutes{16}), Refusal::too_skewed);
}

/// A request that is right, all of which can be changed.
struct Request {
    std::string method = "PUT";
    std::string target = "/k?versionId=1";
    std::string host = "h";
    std::string match = "\"a\"";
    std::string date = timestamp;
    std::string scope = "20130524/eu-west-1/sqs";
    std::string list = "host;if-match;x-amz-date";
    std::string signature = signature_over(
        "PUT\n/k\nversionId=1\nhost:h\nif-match:\"a\"\nx-amz-date:20130524T000000Z\n\n"
        "host;if-match;x-amz-date\n" +
            sha256_hex("body"),
        s3_key,
        timestamp,
        "eu-west-1",
        "sqs");
    std::string body = "body";

    [[nodiscard]] std::optional<Refusal> refused() const {
        return refusal_of(
            head_of(method,
                    target,
                    {{"Host", host},
                     {"If-Match", match},
                     {"X-Amz-Date", date},
                     {"Authorization",
                      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/" + scope +
                          "/aws4_request, SignedHeaders=" + list + ", Signature=" + signature}}),
            s3_key,
            s3_time,
            sha256_hex(body));
    }
};

TEST(Signer, RefusesARequestOfWhichAnythingWasChanged) {
    ASSERT_EQ(Request{}.refused(), std::nullopt);
    const struct {
        std::string Request::*part;
        std::string_view value;
        Refusal refusal = Refusal::wrong_signature;
    } rows[] = {
        {&Request::method, "GET"},
        {&Request::target, "/l?versionId=1"},
        {&Request::target, "/k?versionId=2"},
        {&Request::target, "/k?versionid=1"},
        {&Request::target, "/k?versionId=1&acl"},
        {&Request::target, "/k"},
        {&Request::target, "/k%3FversionId=1"},
        {&Request::host, "i"},
        {&Request::match, "\"b\""},
        {&Request::body, "Body"},
        {&Request::date, "20130524T000001Z"},
        {&Request::date, "20130525T000000Z", Refusal::wrong_scope},
        {&Request::scope, "20130524/us-east-1/sqs"},
        {&Request::scope, "20130524/eu-west-1/sns"},
        {&Request::scope, "20130523/eu-west-1/sqs", Refusal::wrong_scope},
        {&Request::scope, "2013052/eu-west-1/sqs", Refusal::wrong_scope},
        {&Request::list, "host;x-amz-date"},
        {&Request::list, "host;x-amz-date;if-match"},
        {&Request::list, "if-match;x-amz-date", Refusal::field_not_signed},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.value);
        Request request;
        request.*row.part = row.value;
        EXPECT_EQ(request.refused(), row.refusal);
    }
}

TEST(Signer, RefusesASignatureThatIsNotTheSameToTheDigit) {
    const std::string right = Request{}.signature;
    for (std::size_t i = 0; i < right.size(); ++i) {
        Request request;
        request.signature[i] = right[i] == '0' ? '1' : '0';
        EXPECT_EQ(request.refused(), Refusal::wrong_signature) << i;
    }
    Request upper;
    for (char& c : upper.signature) {
        if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    }
    EXPECT_EQ(upper.refused(), Refusal::wrong_signature);
    Request longer;
    longer.signature.push_back('0');
    EXPECT_EQ(longer.refused(), Refusal::malformed);
}

/// The first published request to S3, with one field more, in the time of another clock.
std::optional<Refusal> refused_with(const Fields& more,
                                    const Credential& key = s3_key,
                                    std::chrono::seconds later = {}) {
    auto head = head_of(
        "GET",
        "/test.txt",
        {{"Host", "examplebucket.s3.amazonaws.com"},
         {"Range", "bytes=0-9"},
         {"x-amz-content-sha256", empty_hash},
         {"x-amz-date", timestamp},
         {"Authorization",
          "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
          "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature="
          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}});
    for (const auto& [name, value] : more) head.fields.add(name, value);
    return refusal_of(head, key, s3_time + later);
}

TEST(Signer, RefusesFieldsOfS3ThatAreNotSigned) {
    EXPECT_EQ(refused_with({}), std::nullopt);
    EXPECT_EQ(refused_with({{"x-amzn-trace-id", "1"}, {"User-Agent", "x"}}), std::nullopt);
    EXPECT_EQ(refused_with({{"X-Amz-Acl", "public-read"}}), Refusal::field_not_signed);
    EXPECT_EQ(refused_with({{"Range", "bytes=10-19"}}), Refusal::wrong_signature);
}

TEST(FieldThatMustBeSigned, IsNamed) {
    const auto head = head_of(
        "GET", "/", {{"Host", "h"}, {"X-Amz-Date", "d"}, {"X-Amz-Acl", "private"}, {"X", "y"}});
    const struct {
        std::string_view service;
        std::vector<std::string> signed_headers;
        std::string_view field;
    } rows[] = {{"s3", {"x-amz-date", "x-amz-acl"}, "host"},
                {"sqs", {"x-amz-date"}, "host"},
                {"s3", {"host", "x-amz-date"}, "X-Amz-Acl"},
                {"s3express", {"host", "x-amz-acl"}, "X-Amz-Date"},
                {"sqs", {"host"}, ""},
                {"s3", {"host", "x-amz-acl", "x-amz-date"}, ""}};
    for (const auto& row : rows) {
        RequestSignature signature;
        signature.service = row.service;
        signature.signed_headers = row.signed_headers;
        EXPECT_EQ(field_that_must_be_signed(head, signature), row.field) << row.service;
    }
}

TEST(Signer, RefusesWhatWouldTakeASignedFieldOut) {
    EXPECT_EQ(refused_with({{"Connection", "close"}}), std::nullopt);
    EXPECT_EQ(refused_with({{"Connection", "TE, Upgrade, keep-alive"}}), std::nullopt);
    EXPECT_EQ(refused_with({{"Connection", "close, Range"}}), Refusal::signed_field_dropped);
    EXPECT_EQ(refused_with({{"Connection", "AUTHORIZATION"}}), Refusal::signed_field_dropped);
}

// They are no part of a presigned target, but here they would be parameters that nobody signed.
TEST(Signer, RefusesParametersOfAPresignedRequestThatAnotherDidNotSign) {
    const auto with_query = [](std::string_view query) {
        auto head = signed_request("GET",
                                   "/?a=b",
                                   {{"Host", suffixed}, {"x-amz-date", timestamp}},
                                   "sqs",
                                   "host;x-amz-date",
                                   canonical_get("/", "a=b", suffixed));
        head.target.append(query);
        return refusal_of(head, s3_key, s3_time);
    };
    EXPECT_EQ(with_query(""), std::nullopt);
    EXPECT_EQ(with_query("&X-Amz-Signature=0"), Refusal::wrong_signature);
    EXPECT_EQ(with_query("&X-Amz-Security-Token=0"), Refusal::wrong_signature);
}

TEST(Signer, RefusesARequestOfAnotherTime) {
    using std::chrono::minutes;
    using std::chrono::seconds;
    EXPECT_EQ(refused_with({}, s3_key, minutes{15}), std::nullopt);
    EXPECT_EQ(refused_with({}, s3_key, -minutes{15}), std::nullopt);
    EXPECT_EQ(refused_with({}, s3_key, minutes{15} + seconds{1}), Refusal::too_skewed);
    EXPECT_EQ(refused_with({}, s3_key, -minutes{15} - seconds{1}), Refusal::too_skewed);
}

TEST(Signer, RefusesAPresignedRequestThatIsNotValidYet) {
    const std::string target =
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%"
        "2F20130524"
        "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-"
        "Sign"
        "edHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    const auto head = head_of("GET", target, {{"Host", "examplebucket.s3.amazonaws.com"}});
    EXPECT_EQ(refusal_of(head, s3_key, s3_time - std::chrono::minutes{15}), std::nullopt);
    EXPECT_EQ(refusal_of(head, s3_key, s3_time - std::chrono::minutes{16}), Refusal::not_yet_valid);
}

TEST(Signer, RefusesAnotherSecretAndAnotherToken) {
    auto key = s3_key;
    key.secret_access_key.back() = 'z';
    EXPECT_EQ(refused_with({}, key), Refusal::wrong_signature);

    auto temporary = s3_key;
    temporary.session_token = "token";
    EXPECT_EQ(refused_with({}, temporary), Refusal::wrong_token);

    const auto with_token = [](const std::string& given) {
        const std::string canonical =
            "GET\n/\n\nhost:h\nx-amz-date:20130524T000000Z\n"
            "x-amz-security-token:" +
            given +
            "\n\n"
            "host;x-amz-date;x-amz-security-token\n" +
            empty_hash;
        return signed_request(
            "GET",
            "/",
            {{"Host", "h"}, {"x-amz-date", timestamp}, {"x-amz-security-token", given}},
            "sqs",
            "host;x-amz-date;x-amz-security-token",
            canonical);
    };
    EXPECT_EQ(refusal_of(with_token("token"), temporary, s3_time), std::nullopt);
    EXPECT_EQ(refusal_of(with_token("Token"), temporary, s3_time), Refusal::wrong_token);
    EXPECT_EQ(refusal_of(with_token("token"), s3_key, s3_time), Refusal::wrong_token);
}

TEST(Signer, RefusesATemporaryCredentialThatHasExpired) {
    auto key = s3_key;
    key.expires_at = s3_time + std::chrono::seconds{1};
    EXPECT_EQ(refused_with({}, key), std::nullopt);
    EXPECT_EQ(refused_with({}, key, std::chrono::seconds{1}), Refusal::credential_expired);
}

TEST(Sha256Hex, IsTheOneOfTheStandard) {
    EXPECT_EQ(sha256_hex(""), hash_of_nothing);
    EXPECT_EQ(sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(EqualInConstantTime, ComparesAll) {
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_TRUE(equal_in_constant_time("ab", "ab"));
    EXPECT_FALSE(equal_in_constant_time("ab", "ac"));
    EXPECT_FALSE(equal_in_constant_time("ab", "abc"));
}

}  // namespace
}  // namespace nikawa::aws
