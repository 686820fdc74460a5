#include "nikawa/http/frame_heads.hpp"
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

// call() as it comes to an origin of HTTP/1.1, with this framing and what follows it.
std::string call_over_http_1_1(std::string_view framing) {
    return std::string{
        "POST /test.Echo/Say HTTP/1.1\r\n"
        "Host: api.example.com\r\n"
        "Content-Type: application/grpc\r\n"
        "X-Chocon-Id: 00000000000000000000\r\n"
        "Via: 2 nikawa\r\n"}
        .append(framing);
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

    /// How many DATA frames the client was sent.
    std::size_t data_frames() {
        std::size_t frames = 0;
        http::FrameHeads{}.read(transport->received(), [&](const http::FrameHead& frame) {
            frames += frame.type == 0 ? 1 : 0;
            return true;
        });
        return frames;
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

// RFC 9113 §8.1: the stream's end ends a message, and trailers may come before it whatever the
// length said.
TEST_F(ForwarderH2ClientsTest, GetTrailersBehindTheLastByteThatWasAnnounced) {
    auto& origin = dialer.connect_h2();
    begin();
    const Fields sized{{":status", "200"}, {"content-length", "5"}};
    const Fields trailers{{"grpc-status", "7"}};
    const auto late = ask(call());
    origin.send_head(1, sized, false);
    origin.send_body(1, "hello", false);
    pump();
    EXPECT_EQ(client.response(late).body, "hello") << "it need not wait for them";
    EXPECT_FALSE(client.response(late).ended);
    loop.advance(10s);
    origin.send_body(1, "", true, trailers);
    pump();
    EXPECT_EQ(client.response(late).trailers, trailers);
    EXPECT_TRUE(client.response(late).complete);

    const auto at_once = ask(call());
    origin.send_head(3, sized, false);
    origin.send_body(3, "hello", true, trailers);
    pump();
    EXPECT_EQ(client.response(at_once).trailers, trailers);
    EXPECT_TRUE(client.response(at_once).complete);

    const auto empty = ask(call());
    origin.send_head(5, {{":status", "200"}, {"content-length", "0"}}, false);
    pump();
    origin.send_body(5, "", true, trailers);
    pump();
    EXPECT_EQ(client.response(empty).trailers, trailers);
    EXPECT_TRUE(client.response(empty).complete);
    EXPECT_THAT(log_lines(), testing::Each(testing::Not(HasSubstr("error"))));
}

TEST_F(ForwarderH2ClientsTest, GetTheEndWithTheLastBytes) {
    auto& origin = dialer.connect_h2();
    begin();
    const auto stream = ask(call());
    origin.send_head(1, {{":status", "200"}, {"content-length", "5"}}, false);
    origin.send_body(1, "hello", true);
    pump();
    EXPECT_TRUE(client.response(stream).complete);
    EXPECT_EQ(data_frames(), 1U);
}

TEST_F(ForwarderH2ClientsTest, AreToldOfAResetInPlaceOfTrailers) {
    auto& origin = dialer.connect_h2();
    begin();
    const auto stream = ask(call());
    origin.send_head(1, {{":status", "200"}, {"content-length", "5"}}, false);
    origin.send_body(1, "hello", false);
    pump();
    origin.reset(1, NGHTTP2_INTERNAL_ERROR);
    pump();
    EXPECT_FALSE(client.response(stream).ended);
    EXPECT_EQ(client.response(stream).reset, NGHTTP2_INTERNAL_ERROR);
    EXPECT_THAT(log_lines(), testing::ElementsAre(HasSubstr(R"("error":"stream_reset")")));
}

TEST_F(ForwarderH2ClientsTest, DoNotWaitForTheEndForEver) {
    auto& origin = dialer.connect_h2();
    begin();
    const auto stream = ask(call());
    origin.send_head(1, {{":status", "200"}, {"content-length", "5"}}, false);
    origin.send_body(1, "hello", false);
    pump();
    loop.advance(30s);
    pump();
    EXPECT_TRUE(client.response(stream).reset.has_value());
    EXPECT_EQ(origin.requests()[1].reset_with, NGHTTP2_CANCEL);
    EXPECT_THAT(log_lines(),
                testing::ElementsAre(HasSubstr(R"("error":"response_body_timed_out")")));
}

TEST_F(ForwarderH2ClientsTest, SendTrailersBehindABodyOfKnownSize) {
    const Fields trailers{{"x-sum", "9"}};
    auto head = call();
    head.emplace_back("content-length", "5");
    settings.replay_bytes = 5;
    auto& origin = dialer.connect_h2();
    begin();
    for (std::int32_t id = 1; id <= 5; id += 2) {  // held, and too long for that
        if (id > 1) head.back().second = "6";
        const auto stream = ask(head, More::yes);
        const Bytes body = id > 1 ? "hello!" : "hello";
        if (id < 5) {
            say(stream, body, More::yes);
            EXPECT_FALSE(origin.requests()[id].ended);
            say(stream, "", More::no, trailers);
        } else {
            say(stream, body, More::no, trailers);
        }
        EXPECT_EQ(origin.requests()[id].value_of("content-length"), head.back().second);
        EXPECT_EQ(origin.requests()[id].body, body);
        EXPECT_EQ(origin.requests()[id].trailers, trailers);
        EXPECT_TRUE(origin.requests()[id].ended);
        origin.reply(id, "200", "fine");
        pump();
        EXPECT_EQ(client.response(stream).body, "fine");
    }
}

// RFC 9110 §8.6: some origins want a length.
TEST_F(ForwarderH2ClientsTest, PostNothingToAnHttp11OriginWithALengthOfNone) {
    auto& origin = dialer.connect_h1();
    origin.expect(call_over_http_1_1("Content-Length: 0\r\n\r\n"))
        .send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
    begin();
    const auto stream = ask(call());
    EXPECT_TRUE(origin.finished());
    EXPECT_EQ(client.response(stream).body, "fine");
}

// There none can follow: they are left out (RFC 9110 §6.5.1), and the connection stays.
TEST_F(ForwarderH2ClientsTest, LoseTrailersBehindABodyOfKnownSizeToAnHttp11Origin) {
    auto head = call();
    head.emplace_back("content-length", "5");
    auto& origin = dialer.connect_h1();
    begin();
    for (int i = 0; i < 2; ++i) {
        const auto stream = ask(head, More::yes);
        say(stream, "hello", More::yes);
        say(stream, "", More::no, {{"x-sum", "9"}});
        origin.expect_head("POST /test.Echo/Say HTTP/1.1\r\n")
            .expect("hello")
            .send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
        pump();
        EXPECT_EQ(client.response(stream).body, "fine");
        EXPECT_TRUE(client.response(stream).complete);
    }
}

// An origin of HTTP/1.1 may answer once it has the announced bytes; the stream's end is not its
// business, and the connection is as good as before.
TEST_F(ForwarderH2ClientsTest, MayEndTheirRequestAfterTheAnswerOfAnHttp11Origin) {
    auto head = call();
    head.emplace_back("content-length", "5");
    settings.replay_bytes = 0;
    auto& origin = dialer.connect_h1();
    begin();
    for (int i = 0; i < 2; ++i) {
        const auto stream = ask(head, More::yes);
        say(stream, "hello", More::yes);
        origin.expect_head("POST /test.Echo/Say HTTP/1.1\r\n")
            .expect("hello")
            .send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
        pump();
        EXPECT_EQ(client.response(stream).body, "fine");
        EXPECT_TRUE(client.response(stream).ended);
        say(stream, "", More::no, {{"x-sum", "9"}});
        EXPECT_TRUE(client.response(stream).complete);
    }
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
        .expect(call_over_http_1_1("Transfer-Encoding: chunked\r\n\r\n"
                                   "3\r\none\r\n0\r\nX-Sum: 1\r\n\r\n"))
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

// A response must not look refused, or whole, once it has begun (RFC 9113 §8.7, §8.1).
TEST_F(ForwarderH2ClientsTest, AreToldWhyTheOriginBrokeAResponseOff) {
    auto& origin = dialer.connect_h2();
    begin();
    const std::pair<std::uint32_t, std::uint32_t> codes[] = {
        {NGHTTP2_CANCEL, NGHTTP2_CANCEL},
        {NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_ENHANCE_YOUR_CALM},
        {NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR},
        {NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR},
    };
    std::int32_t id = 1;
    for (const auto& [origins, ours] : codes) {
        SCOPED_TRACE(origins);
        const auto stream = ask(call());
        origin.send_head(id, {{":status", "200"}}, false);
        origin.send_body(id, "part", false);
        pump();
        origin.reset(id, origins);
        pump();
        EXPECT_EQ(client.response(stream).body, "part");
        EXPECT_EQ(client.response(stream).reset, ours);
        id += 2;
    }
}

TEST_F(ForwarderH2ClientsTest, TalkWithAnOriginForAsLongAsEitherDoes) {
    client_limits.read_timeout = 10s;  // of a response's body it is 30 s
    auto& origin = dialer.connect_h2();
    begin();
    const auto stream = ask(call(), More::yes);
    say(stream, "subscribe", More::yes);
    origin.send_head(1, {{":status", "200"}}, false);
    pump();
    for (int i = 0; i < 5; ++i) {
        loop.advance(29s);
        origin.send_body(1, "event ", false);
        pump();
    }
    EXPECT_EQ(client.response(stream).body, "event event event event event ");
    for (int i = 0; i < 5; ++i) {
        loop.advance(29s);
        say(stream, " go on", More::yes);
    }
    EXPECT_EQ(origin.requests()[1].body, "subscribe go on go on go on go on go on");
    loop.advance(30s - 1ms);
    pump();
    EXPECT_FALSE(client.response(stream).reset.has_value());
    loop.advance(1ms);
    pump();
    EXPECT_EQ(client.response(stream).reset, NGHTTP2_INTERNAL_ERROR);
    EXPECT_EQ(origin.requests()[1].reset_with, NGHTTP2_CANCEL);
    EXPECT_THAT(
        log_lines(),
        testing::ElementsAre(testing::AllOf(HasSubstr(R"("status":200)"),
                                            HasSubstr(R"("error":"response_body_timed_out")"))));
}

TEST_F(ForwarderH2ClientsTest, AreNotWaitedForForEverBeforeTheResponse) {
    client_limits.read_timeout = 10s;
    auto& origin = dialer.connect_h2();
    begin();
    const auto stream = ask(call(), More::yes);
    say(stream, "a first piece", More::yes);
    loop.advance(10s);
    pump();
    EXPECT_EQ(client.response(stream).status, "408");
    EXPECT_EQ(origin.requests()[1].reset_with, NGHTTP2_CANCEL);
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
