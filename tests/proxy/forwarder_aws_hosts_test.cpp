#include "proxy/forwarder_aws_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::HasSubstr;

// Which Host the signature is for, and which of them counts.
class ForwarderAwsHostsTest : public ForwarderAwsFixture {
protected:
    // What is sent under this Host, and signed for that one, goes on signed for the true one.
    void passes_signed_anew(std::string_view target,
                            std::string_view sent,
                            std::string_view signed_host) {
        auto& origin = dialer.connect_h1();
        auto& client = connect();
        client.send("GET " + std::string{target} + "/bucket/key HTTP/1.1\r\nHost: " +
                    std::string{sent} + "\r\n" + signed_fields(get(signed_host)) + "\r\n");
        origin.expect_head("GET /bucket/key HTTP/1.1\r\nHost: api.example.com\r\n")
            .send(response("200 OK", ""))
            .close();
        client.expect_head("HTTP/1.1 200 OK");
        EXPECT_TRUE(client.finished());
        EXPECT_THAT(std::string{origin.last_head()}, HasSubstr(signed_fields(get(true_host))));
    }

    /// A request for this target, signed for the origin's own Host, comes there as it was signed.
    void passes_as_signed(const std::string& target) {
        auto& origin = dialer.connect_h1();
        auto& client = connect();
        const auto fields = signed_fields(get(true_host));
        client.send("GET " + target + " HTTP/1.1\r\nHost: api.example.com\r\n" + fields + "\r\n");
        origin.expect("GET /bucket/key HTTP/1.1\r\nHost: api.example.com\r\n" + fields)
            .expect(marks)
            .expect("\r\n")
            .send(response("200 OK", ""));
        client.expect_head("HTTP/1.1 200 OK");
        EXPECT_TRUE(client.finished());
    }
};

// The Host field is what clients sign, whatever the target says; what they need not write in it, or
// write in capitals, is no reason to refuse them.
TEST_F(ForwarderAwsHostsTest, KeepsAHostThatIsTheSameButForItsCaseAndADefaultPort) {
    settings.host_rules.https_for = {http::HostPattern::parse("*.example.com").value()};
    keys.known.reset();
    const struct {
        std::string_view target, host;
    } cases[] = {{"http://api.example.com:80/bucket/key", "api.example.com"},
                 {"http://api.example.com/bucket/key", "api.example.com:80"},
                 {"http://API.example.com/bucket/key", "api.example.com"},
                 {"https://api.example.com:443/bucket/key", "api.example.com"},
                 {"http://api.example.com.ccnproxy-https/bucket/key", "api.example.com"},
                 {"/bucket/key", "API.example.com"},
                 {"/bucket/key", "api.example.com:80"},
                 {"/bucket/key", "api.example.com:443"}};
    for (const auto& [target, host] : cases) {
        SCOPED_TRACE(std::string{target}.append(" ").append(host));
        auto& origin = dialer.connect_h1();
        auto& client = connect();
        const auto fields = signed_fields(get(host));
        const auto host_line = std::string{"Host: "}.append(host).append("\r\n");
        client.send("GET " + std::string{target} + " HTTP/1.1\r\n" + host_line + fields + "\r\n");
        origin.expect_head("GET /bucket/key ").send(response("200 OK", "")).close();
        client.expect_head("HTTP/1.1 200 OK");
        EXPECT_TRUE(client.finished());
        EXPECT_THAT(std::string{origin.last_head()}, HasSubstr("\r\n" + host_line + fields));
    }
}

TEST_F(ForwarderAwsHostsTest, KeepsTheHostFieldOfAFixedOriginWhateverPortTheTargetNames) {
    settings.fixed_origin = http::Origin{http::Scheme::https, "origin.test", 443};
    keys.known.reset();
    passes_as_signed("http://api.example.com:80/bucket/key");
}

TEST_F(ForwarderAwsHostsTest, VerifiesTheHostFieldBesideATargetOfTheSameOrigin) {
    for (const std::string_view host : {"api.example.com.ccnproxy-https",
                                        "API.example.com.ccnproxy-https:443",
                                        "api.example.com.ccnproxy-https.elsewhere"}) {
        SCOPED_TRACE(host);
        passes_signed_anew("http://api.example.com.ccnproxy-https:443", host, host);
    }
}

// Else whoever hears a signed request could have it sent elsewhere.
TEST_F(ForwarderAwsHostsTest, SignsNothingForAnotherOriginThanTheSignedHostMeans) {
    for (const std::string_view host :
         {"other.example.com.ccnproxy-https", "api.example.com.ccnproxy", "api.example.com"}) {
        SCOPED_TRACE(host);
        auto& client = connect();
        client
            .send("GET http://s3.example.com.ccnproxy-https/bucket/key HTTP/1.1\r\nHost: " +
                  std::string{host} + "\r\n" + signed_fields(get(host)) + "\r\n")
            .expect_head("HTTP/1.1 403 Forbidden");
        EXPECT_TRUE(client.finished());
        EXPECT_THAT(client.received(), HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
    }
    EXPECT_TRUE(dialer.dialled().empty());
}

// As of a URL that somebody presigned for the true Host, who knows nothing of us.
TEST_F(ForwarderAwsHostsTest, PassesWhatWasSignedForTheTrueHostAsItIs) {
    AwsRequest presigned{.query = test::presigned_query("s3"), .host = std::string{true_host}};
    const auto target =
        presigned.path + "?" + presigned.query + "&X-Amz-Signature=" + aws_signature(presigned);
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("GET " + target));
    origin.expect("GET " + target + " HTTP/1.1\r\nHost: api.example.com\r\n")
        .expect(marks)
        .expect("\r\n")
        .send(response("200 OK", ""));
    client.expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderAwsHostsTest, VerifiesEachChunkOfWhatWasSignedForTheTrueHostToo) {
    const auto data = repeated("0123456789abcdef", 8192);
    auto upload = chunked_upload(true_host, 2 * data.size());
    auto signature = aws_signature(upload);
    auto chunks = test::signed_chunks(signature, {data, data, ""});
    const auto head = request(
        "PUT /bucket/key",
        "Content-Length: " + std::to_string(chunks.size()) + "\r\n" + signed_fields(upload));
    auto& origin = dialer.connect_h1();
    origin.expect_head("PUT /bucket/key ").expect(chunks).send(response("200 OK", "")).close();
    connect().send(head + chunks).expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(origin.finished());
    EXPECT_THAT(std::string{origin.last_head()}, HasSubstr(signed_fields(upload)));

    chunks[chunks.size() - 1000] = '?';
    auto& other = dialer.connect_h1();
    auto& client = connect();
    client.send(head + chunks);
    other.expect_head("PUT /bucket/key ").expect(chunks.substr(0, chunks.find("\r\n", 200) + 2));
    client.expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_THAT(client.received(), HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
}

TEST_F(ForwarderAwsHostsTest, RefusesWhatWasSignedForTheTrueHostByAnotherSecret) {
    keys.known->secret_access_key = "another";
    auto& client = connect();
    client.send(request("GET /bucket/key", signed_fields(get(true_host))))
        .expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(client.received(),
                testing::AllOf(HasSubstr("<Code>SignatureDoesNotMatch</Code>"),
                               HasSubstr("for this Host or for the true one")));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderAwsHostsTest, TakesAHostThatWasSignedWithoutItsPort) {
    settings.host_rules.own_ports = {3000};
    settings.host_rules.https_for = {http::HostPattern::parse("*.example.com").value()};
    const struct {
        std::string_view target, sent, signed_host;
    } cases[] = {
        {"", "api.example.com.ccnproxy-https:3000", "api.example.com.ccnproxy-https"},
        {"", "api.example.com.ccnproxy-https:443", "api.example.com.ccnproxy-https"},
        {"", "api.example.com:3000", "api.example.com"},
        {"http://api.example.com.ccnproxy-https:3000",
         "api.example.com.ccnproxy-https:3000",
         "api.example.com.ccnproxy-https"},
    };
    for (const auto& [target, sent, signed_host] : cases) {
        SCOPED_TRACE(sent);
        passes_signed_anew(target, sent, signed_host);
    }
}

// Else whoever hears a signed request could have it signed for another port.
TEST_F(ForwarderAwsHostsTest, TakesNoHostWithoutAPortThatMeansAnotherOrigin) {
    settings.host_rules.own_ports = {3000};
    auto& client = connect();
    client
        .send("GET /bucket/key HTTP/1.1\r\nHost: api.example.com.ccnproxy-https:9000\r\n" +
              signed_fields(get(suffixed)) + "\r\n")
        .expect_head("HTTP/1.1 403 Forbidden");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(client.received(), HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderAwsHostsTest, LeavesARequestAloneWhoseHostStays) {
    settings.host_rules.https_for = {http::HostPattern::parse("*.example.com").value()};
    keys.known.reset();
    passes_as_signed("http://api.example.com/bucket/key");
    EXPECT_EQ(dialer.dialled().at(0), (http::Origin{http::Scheme::https, "api.example.com", 443}));
}

TEST_F(ForwarderAwsHostsTest, LeavesSignaturesAloneThatDoNotCoverTheHost) {  // version 2
    keys.known.reset();
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    const std::string target = "/bucket/key?AWSAccessKeyId=AKIDEXAMPLE&Signature=x%3D&Expires=60";
    client.send(request("GET " + target));
    origin.expect("GET " + target + " HTTP/1.1\r\nHost: api.example.com\r\n")
        .expect(marks)
        .expect("\r\n")
        .send(response("200 OK", ""));
    client.expect_head("HTTP/1.1 200 OK");
    EXPECT_TRUE(client.finished());
}

}  // namespace
}  // namespace nikawa::proxy
