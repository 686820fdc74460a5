#include "nikawa/aws/request_signature.hpp"
#include "proxy/forwarder_aws_fixture.hpp"

namespace nikawa::proxy {
namespace {

using test::signed_chunks;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string sized(std::size_t bytes) { return "Content-Length: " + std::to_string(bytes) + "\r\n"; }

std::string with_query(std::string_view path, std::string_view query, std::string_view signature) {
    std::string target{path};
    return target.append("?").append(query).append("&X-Amz-Signature=").append(signature);
}

class ForwarderAwsTest : public ForwarderAwsFixture {};

TEST_F(ForwarderAwsTest, SignsARequestAnewForTheHostItGoesTo) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("GET /bucket/key", signed_fields(get(suffixed)) + "Accept: */*\r\n"));
    origin.expect("GET /bucket/key HTTP/1.1\r\nHost: api.example.com\r\n")
        .expect(signed_fields(get(true_host)) + "Accept: */*\r\n")
        .expect(marks)
        .expect("\r\n")
        .send(response("200 OK", "two"));
    client.expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(keys.refreshed, 0);
}

TEST_F(ForwarderAwsTest, SignsAPresignedRequestAnew) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    AwsRequest presigned{.query = test::presigned_query("s3"), .host = std::string{suffixed}};
    client.send(
        request("GET " + with_query("/bucket/key", presigned.query, aws_signature(presigned))));
    presigned.host = true_host;
    origin
        .expect("GET " + with_query("/bucket/key", presigned.query, aws_signature(presigned)) +
                " HTTP/1.1\r\nHost: api.example.com\r\n")
        .expect(marks)
        .expect("\r\n")
        .send(response("200 OK", ""));
    client.expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(log_lines().at(0), AllOf(HasSubstr("\"/bucket/key\""), Not(HasSubstr("X-Amz"))));
}

TEST_F(ForwarderAwsTest, HashesABodyThatTheSignatureCovers) {
    for (const bool is_chunked : {false, true}) {
        SCOPED_TRACE(is_chunked);
        const std::string body = "Action=SendMessage&MessageBody=hello";
        const std::string framing =
            is_chunked ? "Transfer-Encoding: chunked\r\n" : sized(body.size());
        auto& origin = dialer.connect_h1();
        auto& client = connect();
        client.send(request("POST /", framing + signed_fields(query_request(suffixed, body))));
        loop.run();
        client.send(is_chunked ? "24\r\n" + body : body.substr(0, 20));
        EXPECT_EQ(origin.received(), "");  // before all of it is known
        client.send(is_chunked ? "\r\n0\r\n\r\n" : body.substr(20));
        origin.expect_head("POST / HTTP/1.1\r\nHost: api.example.com\r\n")
            .expect(is_chunked ? "24\r\n" + body + "\r\n0\r\n\r\n" : body)
            .send(response("200 OK", ""))
            .send("")
            .close();
        client.expect_head("HTTP/1.1 200 OK");
        EXPECT_TRUE(client.finished());
        EXPECT_THAT(std::string{origin.last_head()},
                    HasSubstr(signed_fields(query_request(true_host, body))));
    }
}

TEST_F(ForwarderAwsTest, CountsABodyThatItHoldsInTheMemory) {
    const auto body = repeated("x", 200'000);
    auto& client = connect();
    client.send(
        request("POST /", sized(body.size()) + signed_fields(query_request(suffixed, body))));
    client.send(body.substr(1));
    loop.run();
    EXPECT_GE(memory.held(), body.size() - 1);
}

TEST_F(ForwarderAwsTest, HoldsNoMoreOfABodyWhenTheMemoryIsFull) {
    BudgetShare others{&memory};
    const auto fill = [&] { others.set(64 * 1024 * 1024 - 100 * 1024); };
    const auto body = repeated("x", 200'000);
    fill();
    auto& client = connect();
    client
        .send(request("POST /", sized(body.size()) + signed_fields(query_request(suffixed, body))) +
              body)
        .expect_head("HTTP/1.1 503 Service Unavailable");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(dialer.dialled().empty());

    auto upload = chunked_upload(suffixed, body.size());
    auto sent = aws_signature(upload);
    const auto chunks = signed_chunks(sent, {body, ""});
    auto& origin = dialer.connect_h1();
    auto& other = connect();
    other.send(request("PUT /bucket/key", sized(chunks.size()) + signed_fields(upload)) + chunks)
        .expect_head("HTTP/1.1 503 Service Unavailable");
    EXPECT_TRUE(other.finished());
    origin.expect_end();
    EXPECT_TRUE(origin.finished());
}

TEST_F(ForwarderAwsTest, RefusesABodyThatIsNotTheSignedOne) {
    auto& client = connect();
    client.send(request("POST /", sized(3) + signed_fields(query_request(suffixed, "one"))) + "two")
        .expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_THAT(client.received(), HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderAwsTest, RefusesABodyThatIsTooLargeToBeHeld) {
    settings.aws_max_body = 10;
    auto& client = connect();
    client
        .send(request("POST /",
                      "Expect: 100-continue\r\n" + sized(11) +
                          signed_fields(query_request(suffixed, "hello world"))))
        .expect_head("HTTP/1.1 413 Content Too Large");
    EXPECT_THAT(client.received(), HasSubstr("--aws-max-body"));

    auto& other = connect();
    other.send(request("POST /",
                       "Transfer-Encoding: chunked\r\n" +
                           signed_fields(query_request(suffixed, "hello world"))) +
               "b\r\nhello world\r\n");
    other.expect_head("HTTP/1.1 413 Content Too Large");
    EXPECT_TRUE(other.finished());
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderAwsTest, SignsChunksAnewWhileTheyPass) {
    const auto data = repeated("0123456789abcdef", 8192);
    auto upload = chunked_upload(suffixed, 2 * data.size());
    auto sent = aws_signature(upload);
    const auto chunks = signed_chunks(sent, {data, data, ""});
    auto made = aws_signature(chunked_upload(true_host, 2 * data.size()));
    const auto first = signed_chunks(made, {data});
    const auto rest = signed_chunks(made, {data, ""});
    ASSERT_EQ(first.size() + rest.size(), chunks.size());

    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("PUT /bucket/key", sized(chunks.size()) + signed_fields(upload)));
    client.send(chunks.substr(0, first.size() - 3));
    origin.expect_head("PUT /bucket/key HTTP/1.1\r\nHost: api.example.com\r\n");
    EXPECT_TRUE(origin.finished());
    EXPECT_EQ(origin.received(), "");  // nothing of a chunk before its signature was found right
    client.send(chunks.substr(first.size() - 3, 50'000));
    origin.expect(first);
    EXPECT_TRUE(origin.finished());
    client.send(chunks.substr(first.size() + 49'997));
    origin.expect(rest).send(response("200 OK", ""));
    client.expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderAwsTest, BreaksTheRequestOffAtABadChunk) {
    const auto data = repeated("0123456789abcdef", 8192);
    auto upload = chunked_upload(suffixed, 2 * data.size());
    auto sent = aws_signature(upload);
    auto chunks = signed_chunks(sent, {data, data, ""});
    chunks[chunks.size() - 1000] = '?';
    auto made = aws_signature(chunked_upload(true_host, 2 * data.size()));

    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("PUT /bucket/key", sized(chunks.size()) + signed_fields(upload)) + chunks);
    origin.expect_head("PUT /bucket/key ").expect(signed_chunks(made, {data})).expect_end();
    EXPECT_TRUE(origin.finished());
    client.expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_THAT(client.received(), HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
    EXPECT_THAT(log_lines().at(0),
                AllOf(HasSubstr("\"error\":\"signature_refused\""),
                      HasSubstr("the signature of a chunk of the body is wrong")));
}

// All that Content-Length announces, and so a whole request to an origin that counts.
TEST_F(ForwarderAwsTest, BreaksOffABodyThatEndsBeforeItsLastChunk) {
    const auto data = repeated("0123456789abcdef", 8192);
    auto upload = chunked_upload(suffixed, 2 * data.size());
    auto sent = aws_signature(upload);
    const auto chunks = signed_chunks(sent, {data, data});

    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("PUT /bucket/key", sized(chunks.size()) + signed_fields(upload)));
    client.send(chunks.substr(0, chunks.size() - 1000));
    origin.expect_head("PUT /bucket/key ");
    EXPECT_TRUE(origin.finished());
    client.send(chunks.substr(chunks.size() - 1000)).expect_head("HTTP/1.1 400 Bad Request");
    loop.run();
    EXPECT_LT(origin.received().size(), chunks.size());
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(client.received(), HasSubstr("<Code>IncompleteBody</Code>"));
}

TEST_F(ForwarderAwsTest, SendsNothingOfASmallBodyWithABadChunk) {
    auto upload = chunked_upload(suffixed, 3);
    auto sent = aws_signature(upload);
    auto chunks = signed_chunks(sent, {"one", ""});
    chunks.replace(chunks.find("one"), 3, "two");
    auto& client = connect();
    client.send(request("PUT /bucket/key", sized(chunks.size()) + signed_fields(upload)) + chunks);
    client.expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderAwsTest, SendsTheSameSignedBytesAgain) {
    auto upload = chunked_upload(suffixed, 3);
    auto sent = aws_signature(upload);
    const auto chunks = signed_chunks(sent, {"one", ""});
    auto made = aws_signature(chunked_upload(true_host, 3));
    const auto made_chunks = signed_chunks(made, {"one", ""});

    auto& stale = dialer.connect_h1();
    stale.expect_head("GET /").send(response("200 OK", ""));
    auto& client = connect();
    client.send(request("GET /")).expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
    stale.expect_head("PUT /bucket/key").expect(made_chunks).close();
    auto& origin = dialer.connect_h1();
    origin.expect_head("PUT /bucket/key").expect(made_chunks).send(response("200 OK", ""));
    client.send(request("PUT /bucket/key", sized(chunks.size()) + signed_fields(upload)) + chunks)
        .expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(origin.last_head(), stale.last_head());
}

TEST_F(ForwarderAwsTest, RefusesAKeyItDoesNotKnowBeforeItAsksForTheBody) {
    keys.known.reset();
    auto& client = connect();
    auto upload = chunked_upload(suffixed, 100'000);
    client
        .send(request("PUT /bucket/key",
                      "Expect: 100-continue\r\n" + sized(100'100) + signed_fields(upload)))
        .expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_THAT(client.received(),
                AllOf(HasSubstr("<Code>InvalidAccessKeyId</Code>"),
                      HasSubstr("--aws-credentials"),
                      HasSubstr("--aws-metadata"),
                      HasSubstr("--https-for"),
                      HasSubstr(test::aws_key)));
    EXPECT_TRUE(dialer.dialled().empty());
    EXPECT_EQ(keys.refreshed, 1);
    EXPECT_THAT(log_lines().at(0),
                AllOf(HasSubstr("\"status\":403,"), HasSubstr("\"error\":\"signature_refused\"")));
}

// Where there is no body, as for HEAD, the log alone can tell.
TEST_F(ForwarderAwsTest, LogsWhichKeyItRefused) {
    keys.known->access_key_id = "another";
    auto head = get(suffixed);
    head.method = "HEAD";
    auto& client = connect();
    client.send(request("HEAD /bucket/key", signed_fields(head)));
    client.expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(
        log_lines().at(0),
        AllOf(HasSubstr("\"error_detail\":\"the request's AWS signature was not accepted ("),
              HasSubstr("; access key " + std::string{test::aws_key} + ")\"")));
}

// The body, too, of which the signature covers the hash.
TEST_F(ForwarderAwsTest, RefusesWhatItsHeadTellsBeforeItAsksForTheBody) {
    auto late = query_request(suffixed, "{}");
    late.fields = {{"x-amz-date", "19700101T010000Z"}};
    auto strange = query_request(suffixed, "{}");
    strange.fields.emplace_back("x-amz-security-token", "another");
    const struct {
        AwsRequest request;
        std::string_view code;
    } cases[] = {{late, "<Code>RequestExpired</Code>"},
                 {strange, "<Code>InvalidClientTokenId</Code>"}};
    for (const auto& [call, code] : cases) {
        auto& client = connect();
        client.send(request("POST /", "Expect: 100-continue\r\n" + sized(2) + signed_fields(call)))
            .expect_head("HTTP/1.1 403 Forbidden");
        EXPECT_THAT(client.received(), HasSubstr(code));
    }
}

TEST_F(ForwarderAwsTest, NamesTheFieldThatIsNotSigned) {
    auto& client = connect();
    client.send(request("GET /bucket/key", signed_fields(get(suffixed)) + "X-Amz-Acl: private\r\n"))
        .expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_THAT(client.received(),
                AllOf(HasSubstr("<Code>AccessDenied</Code>"), HasSubstr("field X-Amz-Acl")));
    EXPECT_THAT(log_lines().at(0), HasSubstr("field X-Amz-Acl"));
}

// No file could hold that key.
TEST_F(ForwarderAwsTest, TellsAClientOfS3ExpressThatNoSettingKnowsTheKeyOfItsSession) {
    keys.known.reset();
    const std::string host = "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.example.com";
    auto call = get(host + ".ccnproxy-https");
    call.service = "s3express";
    call.fields.emplace_back("x-amz-s3session-token", "t");
    const auto head = "GET /bucket/key HTTP/1.1\r\nHost: " + call.host + "\r\n";
    auto& client = connect();
    client.send(head + signed_fields(call) + "\r\n").expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(client.received(),
                AllOf(HasSubstr("<Code>InvalidAccessKeyId</Code>"),
                      HasSubstr("--https-for"),
                      Not(HasSubstr("--aws-credentials"))));

    auto& other = connect();
    other.send(head + "Authorization: AWS4-HMAC-SHA256 nonsense\r\n\r\n")
        .expect_head("HTTP/1.1 400 Bad Request");
    EXPECT_TRUE(other.finished());
    EXPECT_THAT(other.received(), HasSubstr("<Error><Code>AuthorizationHeaderMalformed</Code>"));
}

TEST_F(ForwarderAwsTest, AsksAgainForAKeyThatItDoesNotKnowOrThatHasExpired) {
    const auto key = keys.known;
    for (const bool is_known : {false, true}) {
        keys.refreshed = 0;
        keys.next = key;
        keys.known.reset();
        if (is_known) {
            keys.known = key;
            keys.known->expires_at = aws::WallTime{};  // this moment
        }
        auto& origin = dialer.connect_h1();
        origin.expect_head("GET /bucket/key").send(response("200 OK", "")).close();
        auto& client = connect();
        client.send(request("GET /bucket/key", signed_fields(get(suffixed))))
            .expect_head("HTTP/1.1 200 OK");
        EXPECT_TRUE(client.finished());
        EXPECT_EQ(keys.refreshed, 1);
    }
}

TEST_F(ForwarderAwsTest, RefusesASignatureByAnotherSecret) {
    keys.known->secret_access_key = "another";
    auto& client = connect();
    client.send(request("GET /bucket/key", signed_fields(get(suffixed))))
        .expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_THAT(client.received(), HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderAwsTest, RefusesWhatItCannotReadInTheShapeOfTheService) {
    auto& client = connect();
    client
        .send(
            "GET /key HTTP/1.1\r\nHost: bucket.s3.example.com.ccnproxy-https\r\n"
            "Authorization: AWS4-HMAC-SHA256 nonsense\r\n\r\n")
        .expect_head("HTTP/1.1 400 Bad Request");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(std::string{client.last_head()},
                AllOf(HasSubstr("Content-Type: application/xml"),
                      HasSubstr("x-amz-request-id: 00000000000000000000\r\n"),
                      HasSubstr("X-Chocon-Id: 00000000000000000000\r\n"),
                      HasSubstr("Proxy-Status: nikawa; error=http_request_denied")));
    EXPECT_THAT(client.received(), HasSubstr("<Error><Code>"));

    auto& other = connect();
    other
        .send(
            "GET /S3Outposts/ListEndpoints HTTP/1.1\r\n"
            "Host: s3-outposts.eu-west-1.example.com.ccnproxy-https\r\n"
            "Authorization: AWS4-HMAC-SHA256 nonsense\r\n\r\n")
        .expect_head("HTTP/1.1 400 Bad Request");
    EXPECT_TRUE(other.finished());
    EXPECT_THAT(std::string{other.last_head()}, HasSubstr("Content-Type: application/json"));
}

TEST_F(ForwarderAwsTest, TellsAClientOfAJsonServiceInJson) {
    keys.known.reset();
    auto call = query_request(suffixed, "{}");
    call.service = "dynamodb";
    auto& client = connect();
    client
        .send(request(
                  "POST /",
                  "Content-Type: application/x-amz-json-1.0\r\n" + sized(2) + signed_fields(call)) +
              "{}")
        .expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(std::string{client.last_head()},
                AllOf(HasSubstr("Content-Type: application/x-amz-json-1.0\r\n"),
                      HasSubstr("x-amzn-ErrorType: "),
                      HasSubstr("x-amzn-RequestId: 00000000000000000000\r\n")));
    EXPECT_THAT(client.received(), StartsWith("{\"__type\":"));
}

TEST_F(ForwarderAwsTest, TellsAClientThatWantsItTheWordOfTheQueryProtocolAsWell) {
    keys.known.reset();
    auto call = query_request(suffixed, "{}");
    call.service = "sqs";
    auto& client = connect();
    client
        .send(request("POST /",
                      "Content-Type: application/x-amz-json-1.0\r\nx-amzn-query-mode: true\r\n" +
                          sized(2) + signed_fields(call)) +
              "{}")
        .expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(std::string{client.last_head()},
                AllOf(HasSubstr("x-amzn-ErrorType: UnrecognizedClientException\r\n"),
                      HasSubstr("x-amzn-query-error: InvalidClientTokenId;Sender\r\n")));
}

TEST_F(ForwarderAwsTest, AnswersHeadWithoutABody) {
    keys.known.reset();
    auto head = get(suffixed);
    head.method = "HEAD";
    auto& client = connect();
    client.send(request("HEAD /bucket/key", signed_fields(head)))
        .expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(client.received(), "");
}

}  // namespace
}  // namespace nikawa::proxy
