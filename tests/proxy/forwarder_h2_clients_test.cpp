#include "proxy/forwarder_fixture.hpp"
#include "support/h2_client.hpp"
#include "support/h2_frames.hpp"

namespace nikawa::proxy {
namespace {

using test::H2Client;
using Fields = H2Client::Fields;
using More = H2Client::More;
using testing::HasSubstr;

Fields call(std::string_view path = "/test.Echo/Say") {
    auto head = H2Client::head("POST", std::string{path}, "api.example.com.ccnproxy-https");
    head.emplace_back("te", "trailers");
    head.emplace_back("content-type", "application/grpc");
    return head;
}

/// Clients that speak HTTP/2, to origins of either kind.
class ForwarderH2ClientsTest : public ForwarderFixture {
protected:
    void begin() { transport = &connect(); }

    void pump() {
        for (bool moved = true; moved;) {
            const auto out = client.to_send();
            if (!out.empty()) transport->send(out);
            const auto all = transport->received();
            moved = !out.empty() || all.size() > taken;
            ASSERT_TRUE(client.receive(all.substr(taken)));
            taken = all.size();
        }
    }

    std::int32_t ask(const Fields& head, More more = More::no) {
        const auto stream = client.request(head, more);
        pump();
        return stream;
    }

    void say(std::int32_t stream, Bytes words, More more, const Fields& trailers = {}) {
        client.send(stream, words, more, trailers);
        pump();
    }

    H2Client client;
    ScriptedPeer* transport = nullptr;

private:
    std::size_t taken = 0;
};

TEST_F(ForwarderH2ClientsTest, ConverseWithAnHttp2OriginWordByWord) {
    auto& origin = dialer.connect_h2();
    begin();
    const auto stream = ask(call(), More::yes);
    ASSERT_EQ(origin.requests().size(), 1U);
    EXPECT_EQ(origin.requests()[1].value_of(":authority"), "api.example.com");
    EXPECT_EQ(origin.requests()[1].value_of("te"), "trailers");
    EXPECT_EQ(origin.requests()[1].value_of("via"), "2 nikawa");

    origin.send_head(1, {{":status", "200"}, {"x-mode", "stream"}}, false);
    pump();
    EXPECT_EQ(client.response(stream).status, "200");
    for (const Bytes word : {"one", "two"}) {
        say(stream, word, More::yes);
        EXPECT_TRUE(origin.requests()[1].body.ends_with(word));
        origin.send_body(1, word, false);
        pump();
        EXPECT_TRUE(client.response(stream).body.ends_with(word));
    }
    say(stream, "", More::no, {{"x-sum", "2"}});
    EXPECT_TRUE(origin.requests()[1].ended);
    EXPECT_EQ(origin.requests()[1].trailers, (Fields{{"x-sum", "2"}}));
    origin.send_body(1, "", true, {{"grpc-status", "0"}});
    pump();
    EXPECT_EQ(client.response(stream).trailers, (Fields{{"grpc-status", "0"}}));
    EXPECT_TRUE(client.response(stream).complete);
}

TEST_F(ForwarderH2ClientsTest, AreNotSaidToHaveLeftWhenTheyBrokeTheRules) {
    auto& origin = dialer.connect_h2();
    begin();
    ask(call());
    ASSERT_EQ(origin.requests().size(), 1U);
    transport->send(test::h2::data(7, "of no stream"));
    loop.run();
    EXPECT_THAT(log_lines(),
                testing::ElementsAre(testing::AllOf(
                    HasSubstr(R"("status":499)"),
                    HasSubstr(R"("error":"connection_error","error_detail":")"
                              "the client broke the rules of HTTP/2 (PROTOCOL_ERROR)"))));
}

TEST_F(ForwarderH2ClientsTest, SendHeadsThatAreLargerThanTheLibraryWouldSend) {
    session_limits.h2.head_bytes = 1 << 20;
    client_limits.head.head_bytes = 1 << 20;
    auto& origin = dialer.connect_h2();
    auto& plain = connect();
    std::string fields;
    for (int i = 0; i < 10; ++i) {
        fields += "X-" + std::to_string(i) + ": " + std::string(10000, 'x') + "\r\n";
    }
    plain.send(request("GET /", fields));
    loop.run();
    ASSERT_EQ(origin.requests().size(), 1U);
    EXPECT_EQ(origin.requests()[1].value_of("x-9").size(), 10000U);
    origin.reply(1, "200", "ok");
    plain.expect_head("HTTP/1.1 200 OK").expect("ok");
    EXPECT_TRUE(plain.finished());
}

TEST_F(ForwarderH2ClientsTest, GetNoTunnelAndAreToldWhy) {
    auto& origin = dialer.connect_h2();
    begin();
    const auto refused = ask({{":method", "CONNECT"}, {":authority", "a.example:443"}}, More::yes);
    EXPECT_EQ(client.response(refused).status, "403");
    EXPECT_THAT(client.response(refused).body, HasSubstr("over HTTP/1 alone"));
    const auto served = ask(call());
    origin.reply(1, "200", "ok");
    pump();
    EXPECT_EQ(client.response(served).status, "200") << "others are served as before";
    EXPECT_THAT(log_lines().front(),
                testing::AllOf(HasSubstr(R"("origin":"tcp://a.example:443")"),
                               HasSubstr("over HTTP/1 alone")));
}

TEST_F(ForwarderH2ClientsTest, GetAStatusWithoutAMessageAsItCame) {
    auto& origin = dialer.connect_h2();
    begin();
    const auto stream = ask(call());
    origin.send_head(1, {{":status", "200"}, {"grpc-status", "8"}}, true);
    pump();
    EXPECT_TRUE(client.response(stream).ended_with_head);
    EXPECT_EQ(client.response(stream).field("grpc-status"), "8");
    EXPECT_EQ(client.response(stream).field("content-length"), "");
}

TEST_F(ForwarderH2ClientsTest, SpeakWithAnHttp11OriginThroughChunksAndTrailers) {
    auto& origin = dialer.connect_h1();
    origin
        .expect(
            "POST /test.Echo/Say HTTP/1.1\r\n"
            "Host: api.example.com\r\n"
            "Content-Type: application/grpc\r\n"
            "X-Chocon-Id: 00000000000000000000\r\n"
            "Via: 2 nikawa\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
            "3\r\none\r\n0\r\nX-Sum: 1\r\n\r\n")
        .send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
            "3\r\ntwo\r\n0\r\nGrpc-Status: 0\r\n\r\n");
    begin();
    const auto stream = ask(call(), More::yes);
    say(stream, "one", More::yes);
    say(stream, "", More::no, {{"x-sum", "1"}});
    EXPECT_EQ(client.response(stream).body, "two");
    EXPECT_EQ(client.response(stream).trailers, (Fields{{"grpc-status", "0"}}));
    EXPECT_TRUE(client.response(stream).complete);
}

TEST_F(ForwarderH2ClientsTest, AreToldThatAResponseBrokeOff) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /").send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart").close();
    begin();
    const auto stream = ask(H2Client::head("GET", "/", "api.example.com.ccnproxy-https"));
    EXPECT_EQ(client.response(stream).status, "200");
    EXPECT_EQ(client.response(stream).body, "part");
    EXPECT_FALSE(client.response(stream).ended);
    EXPECT_EQ(client.response(stream).reset, NGHTTP2_INTERNAL_ERROR);
}

TEST_F(ForwarderH2ClientsTest, LeaveAStreamAndItEndsAtTheOrigin) {
    auto& origin = dialer.connect_h2();
    begin();
    const auto left = ask(call(), More::yes);
    const auto other = ask(call("/other"));
    client.reset(left);
    pump();
    EXPECT_EQ(origin.requests()[1].reset_with, NGHTTP2_CANCEL);
    origin.reply(3, "200", "fine");
    pump();
    EXPECT_EQ(client.response(other).body, "fine");
}

TEST_F(ForwarderH2ClientsTest, NameNoOriginOrATunnelAndTheConnectionStays) {
    begin();
    EXPECT_EQ(client.response(ask(H2Client::head("GET", "/", "nobody.example"))).status, "400");
    const auto tunnel = ask({{":method", "CONNECT"}, {":authority", "api.example.com:443"}});
    EXPECT_TRUE(client.response(tunnel).complete);
    EXPECT_NE(client.response(tunnel).status, "200");
    EXPECT_TRUE(client.go_aways().empty());
    auto& origin = dialer.connect_h2();
    const auto stream = ask(call());
    origin.reply(1, "200", "fine");
    pump();
    EXPECT_EQ(client.response(stream).body, "fine");
}

TEST_F(ForwarderH2ClientsTest, AreDeniedOnceAndForAll) {
    denial = Failure{Errc::client_denied, Side::client};
    begin();
    EXPECT_EQ(client.response(ask(call())).status, "403");
    EXPECT_FALSE(client.go_aways().empty());
}

}  // namespace
}  // namespace nikawa::proxy
