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

// Who forgets --https-for, or misspells it, sees but a port 80 that is closed.
TEST_F(ForwarderNamesTest, SaysWhatAPlainOriginMayBeForWantOfWhenItCannotBeReached) {
    const std::string hint = "plain http, for no --https-for covers it";
    const auto far_off =
        boost::system::errc::make_error_code(boost::system::errc::network_unreachable);
    const struct {
        std::string target;
        std::string host;
        Failure failure;
        bool is_told;
    } rows[] = {
        {"http://Sqs.test:80/", "x", {Errc::connect_failed, Side::origin, far_off}, true},
        {"http://sqs.test./", "x", {Errc::connect_timed_out, Side::origin}, true},
        {"http://sqs.test/", "x", {Errc::resolve_failed, Side::origin}, false},
        {"http://sqs.test:8000/", "x", {Errc::connect_failed, Side::origin}, false},
        {"https://sqs.test/", "x", {Errc::connect_failed, Side::origin}, false},
        {"http://sqs.test.ccnproxy/", "x", {Errc::connect_failed, Side::origin}, false},
        {"http://old.test/", "x", {Errc::connect_failed, Side::origin}, false},
        {"/", "sqs.test.ccnproxy", {Errc::connect_failed, Side::origin}, false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.target + " " + row.host);
        dialer.fail(row.failure);
        auto& client = connect();
        client.send("GET " + row.target + " HTTP/1.1\r\nHost: " + row.host + "\r\n\r\n");
        const std::string answer{client.received()};
        EXPECT_THAT(answer, HasSubstr(describe(row.failure, row.is_told ? hint : "")));
        EXPECT_EQ(answer.find("--https-for") != answer.npos, row.is_told) << answer;
        EXPECT_EQ(answer.find("\nIf https is meant") != answer.npos, row.is_told) << answer;
        loop.advance(3min);  // the failure is forgotten
    }
    EXPECT_THAT(log_lines().front(), HasSubstr("(Network is unreachable; " + hint + ")\""));
}

TEST_F(ForwarderNamesTest, SaysSoWhileThePlainOriginIsOutAndWhenItsPortIsRefused) {
    const std::string request = "GET http://sqs.test/ HTTP/1.1\r\nHost: x\r\n\r\n";
    for (int i = 0; i < 4; ++i) {
        if (i < 3) dialer.fail({Errc::connect_failed, Side::origin});
        auto& client = connect();
        client.send(request);
        EXPECT_THAT(client.received(), HasSubstr("(plain http, for no --https-for covers it)"));
        EXPECT_THAT(client.received(), StartsWith(i < 3 ? "HTTP/1.1 502 " : "HTTP/1.1 503 "));
    }
    const access::TargetRules rules{{.deny = {"no.test"}, .ports = {"443"}},
                                    [](const net::IpAddress&) { return false; }};
    settings.targets = &rules;
    auto& client = connect();
    client.send(request);
    EXPECT_THAT(client.received(),
                HasSubstr("(port 80 is not in --allow-port; plain http, for no --https-for"));
    auto& another = connect();
    another.send("GET http://no.test/ HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(another.received(), HasSubstr("(--deny-target no.test)"));
}

TEST_F(ForwarderNamesTest, SaysNothingOfRulesWhereTheOriginIsFixed) {
    settings.fixed_origin = http::Origin{plain, "origin.example", 80};
    dialer.fail({Errc::connect_failed, Side::origin});
    auto& client = connect();
    client.send("GET http://sqs.test/ HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.received(), HasSubstr("the connection to the origin failed ["));
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
