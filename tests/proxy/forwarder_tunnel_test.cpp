#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ForwarderTunnelTest : public ForwarderFixture {
protected:
    ForwarderTunnelTest() {
        settings.connect_ports = access::PortRanges{std::vector<std::string>{"443"}};
        settings.tunnel_timeout = 600s;
    }

    static constexpr std::string_view connect_request =
        "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n";
    static constexpr std::string_view established =
        "HTTP/1.1 200 Connection established\r\nX-Chocon-Id: 00000000000000000000\r\n\r\n";
    static constexpr std::string_view upgrade_fields =
        "Connection: keep-alive, Upgrade, X-Hop\r\nUpgrade: websocket\r\nX-Hop: a\r\n"
        "Sec-WebSocket-Key: a2V5\r\n";
    static constexpr std::string_view switched =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: b2s\r\n\r\n";
};

TEST_F(ForwarderTunnelTest, ConnectsAsItIs) {  // RFC 9110 §9.3.6
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(std::string{connect_request} + "hello").expect(established);
    origin.expect("hello").send("good day").expect("more").end().expect_end();
    client.expect("good day").send("more").expect_end().end();
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(origin.finished());
    ASSERT_EQ(dialer.dialled().size(), 1U);
    EXPECT_EQ(dialer.dialled().front(), (http::Origin{http::Scheme::http, "a.example", 443}));
    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(
        lines.front(),
        AllOf(HasSubstr(R"("method":"CONNECT","uri":"a.example:443","status":200,"size":8)"),
              HasSubstr(R"("host":"a.example:443")"),
              HasSubstr(R"("origin":"tcp://a.example:443","origin_addr":"192.0.2.1:443")"),
              HasSubstr(R"("proto":"tcp","reused":false,"attempts":1,"request_size":9)"),
              Not(HasSubstr("error"))));
}

TEST_F(ForwarderTunnelTest, ServesOldClientsThatConnect) {
    dialer.connect_h1().expect("hello");
    auto& client = connect();
    client.send("CONNECT a.example:443 HTTP/1.0\r\n\r\n").expect(established).send("hello");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderTunnelTest, RefusesTunnelsAndSaysWhy) {
    const struct {
        std::string_view request;
        std::string_view status;
        std::string_view reason;
    } rows[] = {
        {"CONNECT a.example:22 HTTP/1.1\r\nHost: a.example\r\n\r\n",
         "403 Forbidden",
         "(the port is not in --connect-port)"},
        {"CONNECT a.example.ccnproxy-https:443 HTTP/1.1\r\nHost: a.example\r\n\r\n",
         "403 Forbidden",
         "marker label"},
        {"CONNECT a.example HTTP/1.1\r\nHost: a.example\r\n\r\n", "400 Bad Request", "malformed"},
        {"CONNECT /a HTTP/1.1\r\nHost: a.example\r\n\r\n", "400 Bad Request", "malformed"},
        {"CONNECT a.example:443 HTTP/1.1\r\nHost: a b\r\n\r\n", "400 Bad Request", "[Host: a"},
        {"CONNECT a.example..:443 HTTP/1.1\r\nHost: a b\r\n\r\n",
         "400 Bad Request",
         "[Host: a.example..:443]"},
        {"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
         "400 Bad Request",
         "has no body"},
        {"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\nVia: 1.1 nikawa\r\n\r\n",
         "508 Loop Detected",
         "go round in a loop"},
    };
    for (const auto& row : rows) {
        auto& client = connect();
        client.send(row.request);
        EXPECT_THAT(client.received(),
                    AllOf(StartsWith("HTTP/1.1 " + std::string{row.status}),
                          HasSubstr(row.reason),
                          HasSubstr("\r\nConnection: close\r\n")))
            << row.request;
    }
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderTunnelTest, ShowsATargetThatNamesNoneToClientsWithoutHost) {
    auto& client = connect();
    client.send("CONNECT a.example..:443 HTTP/1.0\r\n\r\n");
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("[Host: a.example..:443]")));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderTunnelTest, MakesNoTunnelsWhereTheyAreSwitchedOff) {
    settings.connect_ports = {};
    auto& client = connect();
    client.send(connect_request);
    EXPECT_THAT(client.received(), HasSubstr("switched off"));
}

TEST_F(ForwarderTunnelTest, MakesNoTunnelsBesideAFixedOrigin) {
    settings.fixed_origin = http::Origin{http::Scheme::https, "api.example.com", 443};
    auto& client = connect();
    client.send(connect_request);
    EXPECT_THAT(client.received(), AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("--upstream")));
}

TEST_F(ForwarderTunnelTest, KeepsTheTargetRules) {
    const access::TargetRules rules{{.deny = {"*.example"}}, [](auto&) { return false; }};
    settings.targets = &rules;
    auto& client = connect();
    client.send(connect_request);
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 403 Forbidden\r\n"),
                      HasSubstr("--deny-target *.example"),
                      HasSubstr("[tcp://a.example:443]")));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderTunnelTest, AnswersWhenNobodyIsThere) {
    auto& client = connect();
    client.send(connect_request);
    EXPECT_TRUE(client.received().empty());
    dialer.fail({Errc::connect_failed, Side::origin},
                net::Endpoint{net::IpAddress::parse("192.0.2.7").value(), 443});
    EXPECT_THAT(
        client.received(),
        AllOf(StartsWith("HTTP/1.1 502 Bad Gateway\r\n"), HasSubstr("\r\nConnection: close\r\n")));
    EXPECT_THAT(log_lines(),
                ElementsAre(HasSubstr(R"("origin_addr":"192.0.2.7:443","proto":"","reused")")));
}

TEST_F(ForwarderTunnelTest, GivesUpADialWhenTheClientGoes) {
    auto& client = connect();
    client.send(connect_request);
    loop.run();
    client.reset();
    EXPECT_TRUE(client.finished());
    const auto lines = log_lines();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines.front(), AllOf(HasSubstr(R"("status":499)"), HasSubstr("client_gone")));
    EXPECT_EQ(dialer.waiting(), 1U);
}

TEST_F(ForwarderTunnelTest, KeepsClientsWhoseDialsGoOnWhenTooManyDo) {
    const auto hang_up_in_the_dial = [this] {
        auto& client = connect();
        client.send(connect_request);
        loop.run();
        client.reset();
        loop.run();
    };
    for (std::size_t i = 0; i < AbandonedDials::most + 2; ++i) hang_up_in_the_dial();
    EXPECT_EQ(connections(), 2U);
    dialer.fail_waiting();
    EXPECT_EQ(connections(), 0U);
    hang_up_in_the_dial();  // there is room again
    EXPECT_EQ(connections(), 0U);
}

// What TCP would end by itself, because one side does not read for a while.
TEST_F(ForwarderTunnelTest, LeavesItToTheTunnelHowLongASideMayTakeNothing) {
    dialer.connect_h1();
    auto& client = connect();
    client.send(connect_request).expect(established);
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(dialer.near->bears_full_window);
}

TEST_F(ForwarderTunnelTest, EndsASilentTunnel) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(connect_request).expect(established);
    loop.advance(600s);
    client.expect_end();
    origin.expect_end();
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(origin.finished());
    EXPECT_THAT(log_lines().front(),
                AllOf(HasSubstr(R"("status":200)"), HasSubstr(R"("error":"tunnel_timed_out")")));
}

TEST_F(ForwarderTunnelTest, BeginsNoneWhileMemoryIsFull) {
    BudgetShare others{&memory};
    others.set(64 * 1024 * 1024);
    auto& client = connect();
    client.send(connect_request);
    EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 503 "));
}

TEST_F(ForwarderTunnelTest, UpgradesOnAConnectionOfItsOwn) {  // RFC 9110 §7.8
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("GET /chat", upgrade_fields) + "early");
    origin
        .expect("GET /chat HTTP/1.1\r\nHost: api.example.com\r\nSec-WebSocket-Key: a2V5\r\n" +
                std::string{marks} + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .send(std::string{switched} + "frame")
        .expect("early")
        .send("more")
        .end();
    client
        .expect("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: b2s\r\n" +
                std::string{marks} + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nframemore")
        .expect_end()
        .send("bye")
        .end();
    origin.expect("bye").expect_end();
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(origin.finished());
    EXPECT_EQ(dialer.last_mode, net::DialMode::http_1_1);
    EXPECT_THAT(log_lines().front(),
                AllOf(HasSubstr(R"("status":101,"size":9)"),
                      HasSubstr(R"("origin":"https://api.example.com")"),
                      HasSubstr(R"("request_size":8)")));
}

TEST_F(ForwarderTunnelTest, PassesOnAnyOtherAnswerToAnUpgrade) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    origin.expect_head("GET /chat").send(response("403 Forbidden", "no"));
    client.send(request("GET /chat", upgrade_fields))
        .expect_head("HTTP/1.1 403 Forbidden")
        .expect("no");
    EXPECT_TRUE(client.finished());
    origin.expect_head("GET /again").send(response("200 OK", "yes"));  // the session stays
    client.send(request("GET /again", upgrade_fields)).expect_head("HTTP/1.1 200 OK").expect("yes");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderTunnelTest, SaysWhichUpgradeTheOriginRequires) {  // RFC 9110 §15.5.22
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    origin.expect_head("GET /chat")
        .send(
            "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n"
            "Content-Length: 0\r\n\r\n");
    client.send(request("GET /chat"));
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 426 Upgrade Required\r\n"),
                      HasSubstr("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")));
}

TEST_F(ForwarderTunnelTest, UpgradesOnTheCommonSessionsWhereTheyAreOfHttp11) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    origin.expect_head("GET /a").send(response("200 OK", "one"));
    client.send(request("GET /a")).expect_head("HTTP/1.1 200 OK").expect("one");
    EXPECT_TRUE(client.finished());
    EXPECT_FALSE(dialer.near->bears_full_window);
    origin.expect_head("GET /chat").send(switched);
    client.send(request("GET /chat", upgrade_fields)).expect_head("HTTP/1.1 101 ");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(dialer.near->bears_full_window);
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(ForwarderTunnelTest, UpgradesBesideSessionsOfHttp2) {
    auto& shared = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /a"));
    loop.run();
    shared.reply(1, "204", "");
    client.expect_head("HTTP/1.1 204 ");
    EXPECT_TRUE(client.finished());
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /chat").send(switched);
    client.send(request("GET /chat", upgrade_fields)).expect_head("HTTP/1.1 101 ");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(dialer.last_mode, net::DialMode::http_1_1);
    auto& another = connect();
    another.send(request("GET /b"));
    loop.run();
    shared.reply(3, "204", "");
    another.expect_head("HTTP/1.1 204 ");
    EXPECT_TRUE(another.finished());
    EXPECT_EQ(dialer.dialled().size(), 2U);
}

TEST_F(ForwarderTunnelTest, TriesAnotherPoolWhenTheOriginHasTurnedToHttp2) {
    auto& old = dialer.connect_h1();
    auto& client = connect();
    old.expect_head("GET /a").send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    client.send(request("GET /a")).expect_head("HTTP/1.1 204 ");
    EXPECT_TRUE(client.finished());
    dialer.connect_h2();
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /chat").send(switched);
    client.send(request("GET /chat", upgrade_fields)).expect_head("HTTP/1.1 101 ");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(dialer.last_mode, net::DialMode::http_1_1);
}

TEST_F(ForwarderTunnelTest, IgnoresAnUpgradeToHttp2) {  // RFC 9113 §3.1
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    origin.expect("GET /a HTTP/1.1\r\nHost: api.example.com\r\n" + std::string{marks} + "\r\n")
        .send(response("200 OK", "one"));
    client.send(request("GET /a",
                        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                        "HTTP2-Settings: AAMAAABkAAQAAP__\r\n"));
    client.expect_head("HTTP/1.1 200 OK");
    client.expect("one");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(origin.finished());
}

TEST_F(ForwarderTunnelTest, TakesNoSwitchThatWasNotAskedFor) {
    for (const std::string_view wrong :
         {"Upgrade: other\r\nConnection: Upgrade\r\n", "Upgrade: websocket\r\n", ""}) {
        auto& origin = dialer.connect_h1();
        auto& client = connect();
        origin.expect_head("GET /chat")
            .send("HTTP/1.1 101 Switching Protocols\r\n" + std::string{wrong} + "\r\n")
            .expect_end();
        client.send(request("GET /chat", upgrade_fields)).expect_head("HTTP/1.1 502 ");
        EXPECT_THAT(client.received(), HasSubstr("malformed"));
        EXPECT_TRUE(origin.finished());
    }
}

TEST_F(ForwarderTunnelTest, RepeatsAnUpgradeWhenAnIdleSessionHasClosed) {  // RFC 9112 §9.3.1
    auto& stale = dialer.connect_h1();
    auto& client = connect();
    stale.expect_head("GET /a").send(response("200 OK", "one"));
    client.send(request("GET /a", upgrade_fields)).expect_head("HTTP/1.1 200 OK").expect("one");
    EXPECT_TRUE(client.finished());
    stale.expect_head("GET /chat").close();
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /chat").send(switched).expect("hello");
    client.send(request("GET /chat", upgrade_fields)).expect_head("HTTP/1.1 101 ").send("hello");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(origin.finished());
    EXPECT_THAT(log_lines().back(), HasSubstr(R"("attempts":2)"));
}

TEST_F(ForwarderTunnelTest, UpgradesARequestWithABody) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(request("POST /chat", std::string{upgrade_fields} + "Content-Length: 5\r\n") +
                "hello" + "frame");
    origin.expect_head("POST /chat").expect("hello").send(switched).expect("frame");
    client.expect_head("HTTP/1.1 101 ");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(origin.finished());
}

TEST_F(ForwarderTunnelTest, TakesNoSwitchBeforeTheRequestIsWhole) {
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    client.send(
        request("POST /chat", std::string{upgrade_fields} + "Transfer-Encoding: chunked\r\n") +
        "5\r\nhello\r\n");
    origin.expect_head("POST /chat").expect("5\r\nhello\r\n").send(switched);
    client.expect_head("HTTP/1.1 502 ");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderTunnelTest, KeepsASessionReadyForTheNextUpgrade) {
    pool_limits.keep_warm = 1h;
    auto& origin = dialer.connect_h1();
    auto& client = connect();
    origin.expect_head("GET /chat").send(switched);
    client.send(request("GET /chat", upgrade_fields)).expect_head("HTTP/1.1 101 ");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(dialer.waiting(), 1U);  // at once, though nobody waits
    auto& next = dialer.connect_h1();
    auto& another = connect();
    next.expect_head("GET /chat").send(switched);
    another.send(request("GET /chat", upgrade_fields)).expect_head("HTTP/1.1 101 ");
    EXPECT_TRUE(another.finished());
    EXPECT_THAT(log_lines().back(), Not(HasSubstr("cold")));
}

TEST_F(ForwarderTunnelTest, CutsTheOriginWhenTheClientIsCutWhileTheOriginTakesNothing) {
    auto& origin = dialer.connect_h1();
    dialer.near->set_capacity(0);
    auto& client = connect();
    client.send(connect_request).expect(established).send(repeated("x", 10'000));
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(connections(), 1U);
    cut_off();
    EXPECT_EQ(connections(), 0U);
    EXPECT_TRUE(origin.expect_reset().finished());
}

}  // namespace
}  // namespace nikawa::proxy
