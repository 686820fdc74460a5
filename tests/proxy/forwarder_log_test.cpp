#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// What the access log says of an exchange.
class ForwarderLogTest : public ForwarderFixture {
protected:
    /// The line without the time of day, which is the machine's.
    static std::string without_time(const std::string& line) {
        return line.substr(std::min(line.find("\"remote_addr\""), line.size()));
    }
};

TEST_F(ForwarderLogTest, TellsTheFactsOfAnExchange) {
    dialer.times = {.resolve = 1ms, .connect = 20ms, .tls = 40ms};
    auto& client = connect();
    client.send(request("POST /a?secret=1",
                        "User-Agent: test/1\r\n"
                        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
                        "Content-Length: 3\r\n") +
                "one");
    loop.advance(61ms);
    auto& origin = dialer.connect_h2();
    loop.advance(100ms);
    origin.send_head(1, {{":status", "201"}, {"content-length", "8"}}, false);
    loop.advance(50ms);
    origin.send_body(1, "response", true);
    client.expect_head("HTTP/1.1 201 Created").expect("response");
    EXPECT_TRUE(client.finished());

    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(without_time(lines[0]),
              R"("remote_addr":"192.0.2.7","method":"POST","uri":"/a","status":201,"size":8,)"
              R"("ua":"test/1","ptime":0.211000,"host":"api.example.com.ccnproxy-https",)"
              R"("chocon_req":"00000000000000000000","origin":"https://api.example.com",)"
              R"("origin_addr":"192.0.2.1:443","proto":"h2","reused":false,"attempts":1,)"
              R"("request_size":3,"dns":0.001000,"connect":0.020000,"tls":0.040000,)"
              R"("wait":0.061000,"cold":"first_use","first_byte":0.161000,)"
              R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"})");
}

TEST_F(ForwarderLogTest, TellsNoPassword) {
    for (const std::string& head :
         {std::string{"GET http://user:secret@o.example.ccnproxy-https/ HTTP/1.1\r\nHost: x\r\n"},
          std::string{"GET ftp://user:secret@o.example/x HTTP/1.1\r\nHost: x\r\n"},
          std::string{"GET / HTTP/1.1\r\nHost: user:secret@o.example.ccnproxy-https\r\n"}}) {
        auto& client = connect();
        client.send(head + "\r\n").expect_head("HTTP/1.1 400");
        EXPECT_TRUE(client.finished());
    }
    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 3U);
    for (const auto& line : lines) EXPECT_EQ(line.find("secret"), std::string::npos) << line;
}

TEST_F(ForwarderLogTest, TellsThatASessionWasReused) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    for (const auto* target : {"GET /1", "GET /2"}) {
        origin.expect_head(target).send(response("200 OK", "ok"));
        client.send(request(target)).expect_head("HTTP/1.1 200 OK").expect("ok");
    }
    EXPECT_TRUE(client.finished());
    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_THAT(lines[0], HasSubstr(R"("proto":"http/1.1","reused":false,"attempts":1,)"));
    EXPECT_THAT(lines[1], HasSubstr(R"("proto":"http/1.1","reused":true,"attempts":1,)"));
    EXPECT_THAT(lines[1], HasSubstr(R"("chocon_req":"0000000000000000000g")"));
    EXPECT_THAT(lines[1], HasSubstr(R"("wait":0,)"));
}

TEST_F(ForwarderLogTest, TellsWhyThereWasNoOrigin) {
    auto& client = connect();
    client.send("GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    EXPECT_NE(client.received(), "");
    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0], HasSubstr(R"("status":400,)"));
    EXPECT_THAT(lines[0], HasSubstr(R"("host":"api.example.com")"));
    EXPECT_THAT(lines[0], HasSubstr(R"("origin":"","origin_addr":"","proto":"",)"));
    EXPECT_THAT(lines[0],
                HasSubstr(R"("error":"bad_host","error_detail":"the Host does not name an origin )"
                          "(no marker label is behind the name)\""));
}

TEST_F(ForwarderLogTest, TellsNoPasswordThatStoodBeforeTheHost) {
    auto& client = connect();
    client.send("GET /a HTTP/1.1\r\nHost: me:secret@api.example.com.ccnproxy-https\r\n\r\n");
    EXPECT_THAT(client.received(),
                AllOf(HasSubstr("leave out all up to the @"),
                      HasSubstr("[Host: api.example.com.ccnproxy-https]"),
                      Not(HasSubstr("secret"))));
    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0],
                AllOf(HasSubstr(R"("host":"api.example.com.ccnproxy-https")"),
                      HasSubstr("leave out all up to the @"),
                      Not(HasSubstr("secret"))));
}

TEST_F(ForwarderLogTest, TellsWhatAClientSpeaksThatSpeaksNoHttp) {
    auto& client = connect();
    client.send("\x16\x03\x01\x02");
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(log_lines(), ElementsAre(HasSubstr("the client speaks TLS to a plain-HTTP port")));
}

// The address is the fact that decides, and stands nowhere else.
TEST_F(ForwarderLogTest, TellsWhichAddressCouldNotBeConnectedTo) {
    const net::Endpoint peer{net::IpAddress::parse("2001:db8::1").value(), 443};
    for (const auto code : {Errc::connect_failed, Errc::tls_certificate_rejected}) {
        auto& client = connect();
        client.send(request("GET /"));
        dialer.fail({code, Side::origin}, peer);
        EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 "));
    }
    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 2U);
    for (const auto& line : lines) {
        EXPECT_THAT(line,
                    HasSubstr(R"("origin_addr":"[2001:db8::1]:443","proto":"","reused":false,)"
                              R"("attempts":0)"));
    }
}

TEST_F(ForwarderLogTest, TellsTheAddressOfTheLastAttempt) {
    auto& stale = dialer.connect_h1();
    stale.expect_head("GET /1").send(response("200 OK", "1")).expect_head("GET /2").close();
    auto& client = connect();
    client.send(request("GET /1")).expect_head("HTTP/1.1 200 OK").expect("1");
    EXPECT_TRUE(client.finished());
    client.send(request("GET /2"));
    loop.run();
    const net::Endpoint peer{net::IpAddress::parse("192.0.2.7").value(), 443};
    for (int i = 0; i < 50 && client.received().empty(); ++i) {  // it may be restarting
        if (dialer.waiting() > 0) dialer.fail({Errc::connect_failed, Side::origin}, peer);
        loop.advance(100ms);
    }
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 502 "));
    EXPECT_THAT(log_lines()[1],
                HasSubstr(R"("origin_addr":"192.0.2.7:443","proto":"","reused":false,)"
                          R"("attempts":1)"));
}

TEST_F(ForwarderLogTest, TellsHowLongAFailureTook) {
    auto& client = connect();
    client.send(request("GET /"));
    loop.advance(3s);
    dialer.fail({Errc::connect_timed_out, Side::origin});
    EXPECT_NE(client.received(), "");
    EXPECT_THAT(log_lines(),
                ElementsAre(testing::AllOf(HasSubstr(R"("status":504,)"),
                                           HasSubstr(R"("ptime":3,)"),
                                           HasSubstr(R"("origin":"https://api.example.com",)"),
                                           HasSubstr(R"("attempts":0,)"),
                                           HasSubstr(R"("wait":3,)"),
                                           HasSubstr(R"("error":"connect_timed_out")"))));
}

}  // namespace
}  // namespace nikawa::proxy
