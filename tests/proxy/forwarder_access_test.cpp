#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

bool is_never_ours(const net::IpAddress& /*address*/) { return false; }

// Who may use it, and what it reaches.
class ForwarderAccessTest : public ForwarderFixture {
protected:
    void use_rules(const access::TargetSettings& rules) {
        rules_.emplace(rules, &is_never_ours);
        settings.targets = &*rules_;
    }

    // The answer to a request with this Host: the head with its fields, and the body.
    std::string answer(ScriptedPeer& client, std::string_view host) {
        client.send("GET /secret HTTP/1.1\r\nHost: " + std::string{host} + "\r\n\r\n")
            .expect_head("HTTP/1.1 403 Forbidden\r\n");
        EXPECT_TRUE(client.finished()) << host;
        auto text = std::string{client.last_head()};
        const std::string body{client.received()};
        client.expect(body);
        return text + body;
    }

private:
    std::optional<access::TargetRules> rules_;
};

TEST_F(ForwarderAccessTest, RefusesAnOriginByItsNameOrPortBeforeAnythingIsDoneForIt) {
    use_rules({.allow = {"*.example.com"}, .deny = {"internal.example.com"}, .ports = {"443"}});
    auto& client = connect();
    EXPECT_THAT(
        answer(client, "internal.example.com.ccnproxy-https"),
        AllOf(HasSubstr("error=http_request_denied; details=\"this origin may not be reached "
                        "through this proxy (--deny-target internal.example.com)\""),
              HasSubstr("\r\n403 Forbidden: this origin may not be reached through this "
                        "proxy (--deny-target internal.example.com) "
                        "[https://internal.example.com].\n")));
    EXPECT_THAT(answer(client, "other.test.ccnproxy-https"),
                HasSubstr("(not among the names of --allow-target)"));
    EXPECT_THAT(answer(client, "api.example.com.ccnproxy-https:25"),
                HasSubstr("(port 25 is not in --allow-port) [https://api.example.com:25]"));
    EXPECT_EQ(dialer.waiting(), 0U);
    EXPECT_THAT(log_lines(),
                ElementsAre(AllOf(HasSubstr("\"status\":403"), HasSubstr("target_denied")),
                            HasSubstr("target_denied"),
                            HasSubstr("target_denied")));
}

TEST_F(ForwarderAccessTest, RefusesALiteralAddressWithoutADial) {
    use_rules({});
    auto& client = connect();
    EXPECT_THAT(answer(client, "169.254.169.254.ccnproxy"),
                AllOf(HasSubstr("error=destination_ip_prohibited"),
                      HasSubstr("(169.254.169.254 is a cloud's metadata address, never reached) "
                                "[http://169.254.169.254]")));
    EXPECT_THAT(answer(client, "127.0.0.1.ccnproxy"),
                HasSubstr("(loopback is reached only with --allow-target loopback)"));
    EXPECT_EQ(dialer.waiting(), 0U);
}

// A name that leads where it may not is refused each time, at once, and is no origin that fails.
TEST_F(ForwarderAccessTest, AnswersEveryTimeThatAnAddressMayNotBeReached) {
    use_rules({});
    auto& client = connect();
    for (int i = 0; i < 5; ++i) {
        dialer.fail({Errc::address_denied, Side::client});
        EXPECT_THAT(answer(client, "api.example.com.ccnproxy-https"),
                    HasSubstr("error=destination_ip_prohibited"));
    }
    EXPECT_THAT(log_lines(), SizeIs(5));
}

TEST_F(ForwarderAccessTest, ReachesWhatTheRulesAllow) {
    use_rules({.allow = {"api.example.com"}});
    dialer.connect_h1().expect_head("GET /a ").send(response("200 OK", "one"));
    auto& client = connect();
    client.send(request("GET /a")).expect("HTTP/1.1 200 OK\r\n");
    EXPECT_TRUE(client.finished());
}

TEST_F(ForwarderAccessTest, AnswersTheFirstRequestOfADeniedClientAndEndsItsConnection) {
    denial = Failure{Errc::client_denied, Side::client};
    auto& client = connect();
    client.send(request("GET /first") + request("GET /second"))
        .expect_head("HTTP/1.1 403 Forbidden\r\n");
    ASSERT_TRUE(client.finished());
    EXPECT_THAT(std::string{client.last_head()},
                AllOf(HasSubstr("\r\nConnection: close\r\n"),
                      HasSubstr("error=http_request_denied; details=\"this client may not use this "
                                "proxy (192.0.2.7 is not in --allow-client)\"")));
    const std::string body{client.received()};
    EXPECT_THAT(body,
                HasSubstr("403 Forbidden: this client may not use this proxy "
                          "(192.0.2.7 is not in --allow-client).\n"));
    EXPECT_THAT(body, HasSubstr("--allow-client"));
    client.expect(body).expect_end();
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(dialer.waiting(), 0U);
    EXPECT_THAT(log_lines(),
                ElementsAre(AllOf(HasSubstr("/first"),
                                  HasSubstr("client_denied"),
                                  HasSubstr("(192.0.2.7 is not in --allow-client)\""))));
}

TEST_F(ForwarderAccessTest, TellsADeniedClientNoMoreOfARequestThatCannotBeRead) {
    denial = Failure{Errc::client_denied, Side::client};
    auto& client = connect();
    client.send("GET / HTTP/1.1\r\nHost : x\r\n\r\n").expect_head("HTTP/1.1 403 Forbidden\r\n");
    EXPECT_TRUE(client.finished());
}

}  // namespace
}  // namespace nikawa::proxy
