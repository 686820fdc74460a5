#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr auto https = http::Scheme::https;
constexpr auto plain = http::Scheme::http;

http::HostPattern pattern(std::string_view text) { return http::HostPattern::parse(text).value(); }

// The ways in which a client can name an origin.
class ForwarderNamesTest : public ForwarderFixture {
protected:
    ForwarderNamesTest() {
        settings.host_rules.https_for = {pattern("*.amazonaws.com")};
        settings.host_rules.map = {{pattern("db.example.com"), https, "db.internal.test", 8443},
                                   {pattern("old.test"), plain, "old.internal.test", {}}};
        settings.host_rules.own_ports = {3000};
    }
};

TEST_F(ForwarderNamesTest, FollowsTheTable) {
    struct Row {
        std::string target;
        std::string host;
        http::Origin origin;
        std::string host_at_origin;
    };
    const Row rows[] = {
        {"/", "a.amazonaws.com.ccnproxy", {plain, "a.amazonaws.com", 80}, "a.amazonaws.com"},
        {"/", "B.amazonaws.com:3000", {https, "b.amazonaws.com", 443}, "b.amazonaws.com"},
        {"/", "db.example.com", {https, "db.internal.test", 8443}, "db.internal.test:8443"},
        {"http://c.amazonaws.com:80/", "x", {https, "c.amazonaws.com", 443}, "c.amazonaws.com"},
        {"http://old.test/", "x", {plain, "old.internal.test", 80}, "old.internal.test"},
        {"http://www.test:3000/", "x", {plain, "www.test", 3000}, "www.test:3000"},
        {"http://www.test/", "d.amazonaws.com", {plain, "www.test", 80}, "www.test"},
        {"http://[2001:DB8::0:1]/", "x", {plain, "2001:db8::1", 80}, "[2001:db8::1]"},
        {"HTTPS://www.test/", "x.ccnproxy", {https, "www.test", 443}, "www.test"},
        {"https://[2001:db8::1]:8/", "x", {https, "2001:db8::1", 8}, "[2001:db8::1]:8"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.target + " " + row.host);
        auto& origin = dialer.connect_h1();
        origin.expect("GET / HTTP/1.1\r\nHost: " + row.host_at_origin + "\r\n");
        connect().send("GET " + row.target + " HTTP/1.1\r\nHost: " + row.host + "\r\n\r\n");
        EXPECT_TRUE(origin.finished());
        EXPECT_EQ(dialer.dialled().back(), row.origin);
    }
    EXPECT_EQ(dialer.dialled().size(), std::size(rows));
}

TEST_F(ForwarderNamesTest, RefusesAPlainHostThatNoRuleCovers) {
    auto& client = connect();
    client.send("GET /a HTTP/1.1\r\nHost: www.test\r\n\r\n");
    EXPECT_THAT(client.received(),
                AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"), HasSubstr("--https-for")));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderNamesTest, RefusesATargetBesideAHostThatAnotherReaderMayTakeForSomethingElse) {
    for (const char* host : {"a,b", "user@a", "a/b", "a:80:80", "a b"}) {
        SCOPED_TRACE(host);
        auto& client = connect();
        client.send("GET http://www.test/ HTTP/1.1\r\nHost: " + std::string{host} + "\r\n\r\n");
        EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    }
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderNamesTest, KnowsARequestThatComesBackInAnyForm) {
    for (const char* line : {"GET / HTTP/1.1\r\nHost: s3.amazonaws.com",
                             "GET http://www.test/ HTTP/1.1\r\nHost: www.test",
                             "GET https://www.test/ HTTP/1.1\r\nHost: www.test"}) {
        SCOPED_TRACE(line);
        auto& client = connect();
        client.send(std::string{line} + "\r\nVia: 1.1 nikawa\r\n\r\n");
        EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 508 Loop Detected\r\n"));
    }
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(ForwarderNamesTest, LetsTheFixedOriginWinInAnyForm) {
    settings.fixed_origin = http::Origin{https, "origin.example", 443};
    auto& origin = dialer.connect_h1();
    origin.expect("GET /a HTTP/1.1\r\nHost: s3.amazonaws.com:80\r\n");
    connect().send("GET http://s3.amazonaws.com:80/a HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(origin.finished());
    EXPECT_EQ(dialer.dialled(), (std::vector{*settings.fixed_origin}));
}

TEST_F(ForwarderNamesTest, LogsTheHostAsTheClientNamedIt) {
    dialer.connect_h1().expect_head("GET /a ").send(response("200 OK", "one"));
    dialer.connect_h1().expect_head("GET /b ").send(response("200 OK", "two"));
    auto& client = connect();
    client.send("GET /a HTTP/1.1\r\nHost: S3.amazonaws.com.:3000\r\n\r\n");
    client.send("GET http://DB.example.com:80/b HTTP/1.1\r\nHost: x\r\n\r\n");
    loop.run();
    EXPECT_THAT(log_lines(),
                ElementsAre(AllOf(HasSubstr(R"("host":"S3.amazonaws.com.:3000")"),
                                  HasSubstr(R"("origin":"https://s3.amazonaws.com")")),
                            AllOf(HasSubstr(R"("host":"DB.example.com:80")"),
                                  HasSubstr(R"("origin":"https://db.internal.test:8443")"))));
}

}  // namespace
}  // namespace nikawa::proxy
