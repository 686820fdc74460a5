#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// What an exchange is about: where it goes, and what its heads become on the way.
class ForwarderTest : public ForwarderFixture {};

TEST_F(ForwarderTest, SendsTheRequestToTheOriginThatItsHostNames) {
    auto& origin = dialer.connect_h1();
    origin
        .expect(
            "GET /a?b=c HTTP/1.1\r\n"
            "Host: api.example.com:8443\r\n"
            "X-Chocon-Id: 00000000000000000000\r\n"
            "Via: 1.1 nikawa\r\n\r\n")
        .send(response("200 OK", "one"));
    auto& client = connect();
    client
        .send(
            "GET /a?b=c HTTP/1.1\r\n"
            "Host: API.example.com.ccnproxy-ssl.local:8443\r\n\r\n")
        .expect(
            "HTTP/1.1 200 OK\r\n"
            "Content-Length: 3\r\n"
            "X-Chocon-Id: 00000000000000000000\r\n"
            "Via: 1.1 nikawa\r\n\r\none");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(dialer.dialled(),
              (std::vector{http::Origin{http::Scheme::https, "api.example.com", 8443}}));
}

TEST_F(ForwarderTest, SendsTheRequestOverHttp2WhereTheOriginChoseIt) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /a?b=c"));
    loop.run();
    EXPECT_EQ(origin.requests().at(1).fields,
              (test::Fields{{":method", "GET"},
                            {":scheme", "https"},
                            {":authority", "api.example.com"},
                            {":path", "/a?b=c"},
                            {"x-chocon-id", "00000000000000000000"},
                            {"via", "1.1 nikawa"}}));
    EXPECT_TRUE(origin.requests().at(1).ended);

    origin.reply(1, "200", "one");
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n").expect(marks_of_h2);
    client.expect("\r\none");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderTest, TellsHowToNameAnOriginWhenTheHostNamesNone) {
    auto& client = connect();
    client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"),
                      HasSubstr("\r\nContent-Type: text/plain; charset=utf-8\r\n"),
                      HasSubstr("\r\nConnection: close\r\n"),  // and what follows is not read
                      HasSubstr("\r\nProxy-Status: nikawa; error=http_request_error; details="
                                "\"the Host does not name an origin (no marker label is behind "
                                "the name)\"\r\n"),
                      HasSubstr("\r\nX-Chocon-Id: 00000000000000000000\r\n"),
                      HasSubstr("\r\n\r\n400 Bad Request: the Host does not name an origin (no "
                                "marker label is behind the name) [Host: api.example.com].\n"),
                      HasSubstr("Host: api.example.com.ccnproxy-https"),
                      HasSubstr("Request ID: 00000000000000000000\n")));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderTest, AnswersAHeadRequestOfItsOwnWithoutABody) {
    auto& client = connect();
    client.send("HEAD / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"), testing::EndsWith("\r\n\r\n")));
}

TEST_F(ForwarderTest, RefusesTargetsThatAreNoneOfAForwardProxy) {
    auto& client = connect();
    client.send("GET /#fragment HTTP/1.1\r\nHost: a.ccnproxy\r\n\r\n");
    EXPECT_THAT(
        client.received(),
        AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"), HasSubstr("\r\nConnection: close\r\n")));
}

TEST_F(ForwarderTest, RefusesTunnelsAndSaysWhatToDo) {  // RFC 9110 §9.3.6
    auto& client = connect();
    client.send("CONNECT api.example.com:443 HTTP/1.1\r\nHost: a.ccnproxy\r\n\r\n");
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 403 Forbidden\r\n"),
                      HasSubstr("\r\nConnection: close\r\n"),
                      HasSubstr("no such tunnel"),
                      HasSubstr("Host: api.example.com.ccnproxy-https")));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderTest, IsTheFinalRecipientWhereMaxForwardsEnds) {  // RFC 9110 §7.6.2
    auto& client = connect();
    client.send(request("OPTIONS /", "Max-Forwards: 0\r\n"))
        .expect_head("HTTP/1.1 200 OK\r\nAllow: GET, ");
    client
        .send(
            "TRACE http://api.example.com.ccnproxy-https/a HTTP/1.1\r\n"
            "Host: api.example.com.ccnproxy-https\r\nMax-Forwards: 0\r\nCookie: c\r\n\r\n")
        .expect_head("HTTP/1.1 200 OK\r\nContent-Type: message/http\r\n")
        .expect(
            "TRACE http://api.example.com.ccnproxy-https/a HTTP/1.1\r\n"
            "Host: api.example.com.ccnproxy-https\r\nMax-Forwards: 0\r\n\r\n");
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(dialer.dialled().empty());
    EXPECT_THAT(log_lines(), testing::Each(HasSubstr("\"status\":200,")));
}

TEST_F(ForwarderTest, CountsMaxForwardsDown) {  // RFC 9110 §7.6.2
    auto& origin = dialer.connect_h1();
    origin.expect("TRACE /a HTTP/1.1\r\nHost: api.example.com\r\nMax-Forwards: 4\r\n")
        .expect_head("");
    connect().send(request("TRACE /a", "Max-Forwards: 5\r\n"));
    EXPECT_TRUE(origin.finished());
}

TEST_F(ForwarderTest, TakesTheAuthorityOfAnAbsoluteTarget) {  // RFC 9112 §3.2.2
    auto& origin = dialer.connect_h1();
    origin.expect("GET /a HTTP/1.1\r\nHost: api.example.com\r\n");
    connect().send(
        "GET http://api.example.com.ccnproxy-https/a HTTP/1.1\r\nHost: other.ccnproxy\r\n\r\n");
    EXPECT_TRUE(origin.finished());
}

TEST_F(ForwarderTest, DropsWhatConcernsOneConnectionInBothDirections) {  // RFC 9110 §7.6.1
    auto& origin = dialer.connect_h1();
    origin
        .expect(
            "GET / HTTP/1.1\r\n"
            "Host: api.example.com\r\n"
            "Accept-Encoding: gzip\r\n")
        .expect(marks)
        .expect("\r\n")
        .send(
            "HTTP/1.1 200 OK\r\n"
            "Connection: X-Private, keep-alive\r\n"
            "X-Private: 1\r\n"
            "Keep-Alive: timeout=5\r\n"
            "Proxy-Authenticate: Basic\r\n"
            "Content-Length: 0\r\n"
            "X-Public: 1\r\n\r\n");
    auto& client = connect();
    client
        .send(request("GET /",
                      "Connection: keep-alive, x-hop\r\n"
                      "X-Hop: 1\r\n"
                      "Proxy-Connection: keep-alive\r\n"
                      "TE: trailers\r\n"
                      "Upgrade: h2c\r\n"
                      "Proxy-Authorization: Basic Og==\r\n"
                      "Accept-Encoding: gzip\r\n"))
        .expect("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Public: 1\r\n")
        .expect(marks)
        .expect("\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderTest, KeepsOrderRepetitionAndLetterCaseOfFields) {
    auto& origin = dialer.connect_h1();
    origin
        .expect(
            "GET / HTTP/1.1\r\nHost: api.example.com\r\n"
            "x-LOWER: 1\r\nAccept: a\r\nX-Lower: 2\r\nACCEPT: b\r\n")
        .expect_head("")
        .send(
            "HTTP/1.1 200 Fine\r\nset-cookie: a\r\nContent-Length: 0\r\n"
            "Set-Cookie: b\r\nETAG: x\r\n\r\n");
    auto& client = connect();
    client.send(request("GET /", "x-LOWER: 1\r\nAccept: a\r\nX-Lower: 2\r\nACCEPT: b\r\n"))
        .expect(
            "HTTP/1.1 200 Fine\r\nset-cookie: a\r\nContent-Length: 0\r\n"
            "Set-Cookie: b\r\nETAG: x\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderTest, GivesFieldsOfHttp2TheirUsualLetterCase) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /"));
    loop.run();
    origin.send_head(1,
                     {{":status", "200"},
                      {"content-length", "0"},
                      {"set-cookie", "a"},
                      {"x-amz-request-id", "1"},
                      {"set-cookie", "b"},
                      {"etag", "x"}},
                     true);
    client.expect(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a\r\nX-Amz-Request-Id: 1\r\n"
        "Set-Cookie: b\r\nETag: x\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderTest, KeepsTheRequestIdThatTheClientGave) {
    auto& origin = dialer.connect_h1();
    origin.expect("GET / HTTP/1.1\r\nHost: api.example.com\r\nx-chocon-id: mine\r\n")
        .expect("Via: 1.1 nikawa\r\n\r\n")
        .send(response("200 OK", ""));
    auto& client = connect();
    client.send(request("GET /", "x-chocon-id: mine\r\n"))
        .expect("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Chocon-Id: mine\r\n");
    EXPECT_TRUE(client.finished());
    EXPECT_THAT(log_lines(), testing::ElementsAre(HasSubstr("\"chocon_req\":\"mine\"")));
}

TEST_F(ForwarderTest, MakesARequestIdInPlaceOfOneThatCannotStandInALog) {
    auto& origin = dialer.connect_h1();
    origin.expect("GET / HTTP/1.1\r\nHost: api.example.com\r\n").expect(marks);
    connect().send(request("GET /", "X-Chocon-Id: not one\r\n"));
    EXPECT_TRUE(origin.finished());
}

// The id is for the whole way; a client cannot take it from us.
TEST_F(ForwarderTest, KeepsTheRequestIdThatConnectionLists) {
    auto& origin = dialer.connect_h1();
    origin.expect("GET / HTTP/1.1\r\nHost: api.example.com\r\nX-Chocon-Id: mine\r\n")
        .expect("Via: 1.1 nikawa\r\n\r\n")
        .send(response("200 OK", ""));
    auto& client = connect();
    client.send(request("GET /", "Connection: x-chocon-id\r\nX-Chocon-Id: mine\r\n"))
        .expect("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Chocon-Id: mine\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderTest, AnswersLoopDetectedToARequestThatCameBack) {
    const struct {
        const char* field;
        const char* why;
        const char* advice;
    } rows[] = {{"Via: 1.0 other, 1.1 nikawa\r\n",
                 "(our own name is in its Via)",
                 "\nCheck what the origin's name resolves to.\n"},
                {"X-Chocon-Ver: 0.5\r\n",
                 "(X-Chocon-Ver is in it: a chocon has passed it on)",
                 "\nSend it here without a chocon in front.\n"}};
    for (const auto& row : rows) {
        auto& client = connect();
        client.send(request("GET /", row.field));
        EXPECT_THAT(client.received(),
                    AllOf(StartsWith("HTTP/1.1 508 Loop Detected\r\n"),
                          HasSubstr("Proxy-Status: nikawa; error=proxy_loop_detected;"),
                          HasSubstr(row.why),
                          HasSubstr(row.advice)));
    }
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderTest, AnswersPipelinedRequestsInOrder) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /1") + request("GET /2") + request("GET /3"));
    for (const auto* body : {"one", "two", "three"}) {
        loop.run();
        const auto last = origin.requests().rbegin()->first;
        origin.reply(last, "200", body);
        client.expect_head("HTTP/1.1 200 OK").expect(body);
    }
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(origin.requests().size(), 3U);
    EXPECT_EQ(origin.requests().at(5).value_of(":path"), "/3");
}

TEST_F(ForwarderTest, KeepsTheOriginsConnectionWhenTheClientClosesItsOwn) {
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /1").send(response("200 OK", "one"));
    auto& first = connect();
    first.send(request("GET /1", "Connection: close\r\n"))
        .expect_head("HTTP/1.1 200 OK")
        .expect("one")
        .expect_end();
    EXPECT_TRUE(first.finished());
    EXPECT_THAT(std::string{origin.last_head()}, Not(HasSubstr("Connection")));

    origin.expect_head("GET /2").send(response("200 OK", "two"));
    auto& second = connect();
    second.send(request("GET /2")).expect_head("HTTP/1.1 200 OK").expect("two");
    EXPECT_TRUE(second.finished());
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(ForwarderTest, SendsEverythingToTheFixedOriginAndKeepsTheHost) {
    settings.fixed_origin = http::Origin{http::Scheme::https, "origin.example", 443};
    auto& origin = dialer.connect_h1();
    origin.expect("GET / HTTP/1.1\r\nHost: www.example.com\r\n");
    connect().send("GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n");
    EXPECT_TRUE(origin.finished());
    EXPECT_EQ(dialer.dialled(), (std::vector{*settings.fixed_origin}));
}

TEST_F(ForwarderTest, NamesTheFixedOriginToItselfWhenTheClientNamedNobody) {
    settings.fixed_origin = http::Origin{http::Scheme::https, "origin.example", 8443};
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET / HTTP/1.1\r\n");
    connect().send("GET / HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(origin.finished());
    EXPECT_THAT(std::string{origin.last_head()}, HasSubstr("\r\nHost: origin.example:8443\r\n"));
}

TEST_F(ForwarderTest, DoesNotLetASlowClientHoldAnotherOnTheSameSession) {
    auto& origin = dialer.connect_h2();
    auto& slow = connect({.capacity = 1024});
    slow.send(request("GET /large"));
    loop.run();
    origin.send_head(1, {{":status", "200"}}, false);
    origin.send_body(1, repeated("x", 1024 * 1024), true);  // and it reads nothing
    loop.run();

    auto& quick = connect();
    quick.send(request("GET /small"));
    loop.run();
    origin.reply(3, "200", "small");
    quick.expect_head("HTTP/1.1 200 OK").expect("small");
    EXPECT_TRUE(quick.finished());
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

}  // namespace
}  // namespace nikawa::proxy
