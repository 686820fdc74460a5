#include "nikawa/access/target_rules.hpp"

#include <gtest/gtest.h>

namespace nikawa::access {
namespace {

const http::Origin named{http::Scheme::https, "api.example.com", 443};

net::IpAddress ip(std::string_view text) { return net::IpAddress::parse(text).value(); }

http::Origin at(std::string host, std::uint16_t port = 80) {
    return {http::Scheme::http, std::move(host), port};
}

bool has_only_192_0_2_1(const net::IpAddress& address) { return address == ip("192.0.2.1"); }

// "" or the rule in words, by its name and port alone.
std::string judged(const TargetSettings& settings, const http::Origin& origin) {
    const TargetRules rules{settings, has_only_192_0_2_1};
    const auto refused = rules.refuse(origin);
    if (!refused) return "";
    EXPECT_EQ(refused->side, Side::client);
    return std::string{name_of(refused->code)} + ": " + refused->cause.message();
}

std::string judged(const TargetSettings& settings,
                   const http::Origin& origin,
                   std::string_view address) {
    const TargetRules rules{settings, has_only_192_0_2_1};
    const auto refused = rules.refuse(origin, ip(address));
    if (!refused) return "";
    EXPECT_EQ(refused->side, Side::client);
    return std::string{name_of(refused->code)} + ": " + refused->cause.message();
}

TEST(TargetRules, NeverReachTheseAddressesWhateverIsAllowed) {
    struct Row {
        std::string_view address;
        std::string_view rule;
    };
    const Row rows[] = {
        {"169.254.169.254", "169.254.169.254 is a cloud's metadata address"},
        {"169.254.170.2", "169.254.170.2 is a cloud's metadata address"},
        {"169.254.0.1", "169.254.0.0/16 is link-local"},
        {"169.254.255.255", "169.254.0.0/16 is link-local"},
        {"168.63.129.16", "168.63.129.16 is a cloud's metadata address"},
        {"192.0.0.192", "192.0.0.192 is a cloud's metadata address"},
        {"100.100.100.200", "100.100.100.200 is a cloud's metadata address"},
        {"fd00:ec2::254", "fd00:ec2::/32 is of a cloud's metadata"},
        {"fd00:ec2::23", "fd00:ec2::/32 is of a cloud's metadata"},
        {"fd20:ce::254", "fd20:ce::254 is a cloud's metadata address"},
        {"fd00:c1::a9fe:a9fe", "fd00:c1::a9fe:a9fe is a cloud's metadata address"},
        {"fd00:42::42", "fd00:42::42 is a cloud's metadata address"},
        {"fd00:a9fe:a9fe::1", "fd00:a9fe:a9fe::1 is a cloud's metadata address"},
        {"fd00:100::100:200", "fd00:100::100:200 is a cloud's metadata address"},
        {"fe80::1", "fe80::/10 is link-local"},
        {"febf::1", "fe80::/10 is link-local"},
        {"0.0.0.0", "0.0.0.0/8 is no host's address"},
        {"0.1.2.3", "0.0.0.0/8 is no host's address"},
        {"::", ":: is no host's address"},
        {"224.0.0.1", "224.0.0.0/4 is multicast"},
        {"239.255.255.255", "224.0.0.0/4 is multicast"},
        {"ff02::1", "ff00::/8 is multicast"},
        {"240.0.0.1", "240.0.0.0/4 is reserved"},
        {"255.255.255.255", "240.0.0.0/4 is reserved"},
        {"::ffff:169.254.169.254", "169.254.169.254 is a cloud's metadata address"},
        {"::169.254.169.254", "169.254.169.254 is a cloud's metadata address"},
        {"64:ff9b::169.254.169.254", "169.254.169.254 is a cloud's metadata address"},
        {"64:ff9b:1::169.254.169.254", "169.254.169.254 is a cloud's metadata address"},
        {"2002:a9fe:a9fe::", "169.254.169.254 is a cloud's metadata address"},
        {"::ffff:0.0.0.0", "0.0.0.0/8 is no host's address"},
    };
    const TargetSettings all{.allow = {"0.0.0.0/0", "::/0", "*"}, .trusted = {named}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.address);
        const auto expected = "address_denied: " + std::string{row.rule} + ", never reached";
        EXPECT_EQ(judged({}, named, row.address), expected);
        EXPECT_EQ(judged(all, named, row.address), expected);
    }
}

TEST(TargetRules, LetTheInternetAndPrivateRangesIn) {
    for (const std::string_view address : {"93.184.216.34",
                                           "10.1.2.3",
                                           "172.16.0.1",
                                           "192.168.1.1",
                                           "100.64.0.1",
                                           "198.18.0.1",
                                           "fd00::1",
                                           "2606:2800:21f:cb07::1",
                                           "::ffff:93.184.216.34",
                                           "64:ff9b::93.184.216.34",
                                           "64:ff9b:1:fffe::10.1.2.3"}) {
        EXPECT_EQ(judged({}, named, address), "") << address;
    }
    EXPECT_EQ(judged({}, named), "");
    EXPECT_EQ(judged({}, at("10.1.2.3")), "");
}

// To whom a name was refused that means this machine.
const std::string if_it_leads_clients =
    "; if the name is to lead clients to us, let --resolver name servers that know the origin";

TEST(TargetRules, ReachLoopbackOnlyWithAnAllowance) {
    const std::string literal =
        "address_denied: loopback is reached only with --allow-target loopback";
    const std::string refused = literal + if_it_leads_clients;
    for (const std::string_view address : {"127.0.0.1",
                                           "127.8.8.8",
                                           "::1",
                                           "::ffff:127.0.0.1",
                                           "::127.0.0.1",
                                           "64:ff9b::127.0.0.1",
                                           "2002:7f00:1::"}) {
        SCOPED_TRACE(address);
        EXPECT_EQ(judged({}, named, address), refused);
        EXPECT_EQ(judged({.allow = {"private"}}, named, address), refused);
        EXPECT_EQ(judged({.allow = {"api.example.com"}}, named, address), refused);
        EXPECT_EQ(judged({.allow = {"loopback"}}, named, address), "");
    }
    EXPECT_EQ(judged({}, at("127.0.0.1")), literal);
    EXPECT_EQ(judged({}, at("::1")), literal);
    EXPECT_EQ(judged({.allow = {"127.0.0.0/8"}}, at("127.0.0.1")), "");
    EXPECT_EQ(judged({.allow = {"127.0.0.2"}}, at("127.0.0.1")), literal);
    EXPECT_EQ(judged({.allow = {"127.0.0.0/8"}}, named, "::1"), refused);
}

TEST(TargetRules, ReachNoListenerOfOursWithoutAnAllowance) {
    const std::string literal = "address_denied: our own listener";
    const std::string refused = literal + if_it_leads_clients;
    const TargetSettings everywhere{.own_listeners = {{ip("0.0.0.0"), 3000}}};
    EXPECT_EQ(judged(everywhere, at("a.test", 3000), "192.0.2.1"), refused);
    EXPECT_EQ(judged(everywhere, at("a.test", 3000), "127.0.0.1"), refused);
    EXPECT_EQ(judged(everywhere, at("a.test", 3000), "::ffff:192.0.2.1"), refused);
    EXPECT_EQ(judged(everywhere, at("192.0.2.1", 3000)), literal);
    EXPECT_EQ(judged(everywhere, at("a.test", 3000), "192.0.2.2"), "");
    EXPECT_EQ(judged(everywhere, at("a.test", 3001), "192.0.2.1"), "");

    const TargetSettings at_one{.own_listeners = {{ip("::ffff:192.0.2.9"), 80}}};
    EXPECT_EQ(judged(at_one, at("a.test"), "192.0.2.9"), refused);
    EXPECT_EQ(judged(at_one, at("a.test"), "192.0.2.1"), "");

    const TargetSettings trusted{.own_listeners = {{ip("::"), 80}}, .trusted = {at("a.test")}};
    EXPECT_EQ(judged(trusted, at("a.test"), "127.0.0.1"), refused);
    const TargetSettings allowed{.allow = {"loopback"}, .own_listeners = {{ip("::"), 80}}};
    EXPECT_EQ(judged(allowed, at("a.test"), "127.0.0.1"), "");
    EXPECT_EQ(judged(allowed, at("a.test"), "192.0.2.1"), refused);
}

TEST(TargetRules, DenyGoesBeforeAllow) {
    const TargetSettings settings{.allow = {"10.0.0.0/8", "api.example.com", "*.a.test"},
                                  .deny = {"10.1.0.0/16", "*.b.a.test", "private"},
                                  .trusted = {at("c.b.a.test")}};
    EXPECT_EQ(judged(settings, named, "10.1.0.1"), "address_denied: --deny-target 10.1.0.0/16");
    EXPECT_EQ(judged(settings, named, "10.2.0.1"), "address_denied: --deny-target private");
    EXPECT_EQ(judged(settings, named, "64:ff9b::10.1.0.1"),
              "address_denied: --deny-target 10.1.0.0/16");
    EXPECT_EQ(judged(settings, at("10.1.0.1")), "address_denied: --deny-target 10.1.0.0/16");
    EXPECT_EQ(judged(settings, at("x.b.a.test")), "target_denied: --deny-target *.b.a.test");
    EXPECT_EQ(judged(settings, at("c.b.a.test")), "target_denied: --deny-target *.b.a.test");
    EXPECT_EQ(judged(settings, at("x.a.test")), "");
    EXPECT_EQ(judged(settings, named, "203.0.113.5"), "");
}

TEST(TargetRules, ReachOnlyTheNamesThatAreGiven) {
    constexpr auto refused = "target_denied: not among the names of --allow-target";
    constexpr auto refused_address =
        "target_denied: not in a network of --allow-target, whose names cover no address";
    const TargetSettings settings{.allow = {"api.example.com", "*.a.test", "192.0.2.0/24"}};
    EXPECT_EQ(judged(settings, named), "");
    EXPECT_EQ(judged(settings, at("x.a.test")), "");
    EXPECT_EQ(judged(settings, at("a.test")), refused);
    EXPECT_EQ(judged(settings, at("other.test")), refused);
    EXPECT_EQ(judged(settings, at("192.0.2.7")), "");
    EXPECT_EQ(judged(settings, at("192.0.3.7")), refused_address);
    EXPECT_EQ(judged(settings, at("other.test"), "192.0.2.7"), refused);   // as a warm-up dials it
    EXPECT_EQ(judged({.allow = {"192.0.2.0/24"}}, at("other.test")), "");  // no name is given
    EXPECT_EQ(judged({.allow = {"*"}}, at("other.test")), "");
    EXPECT_EQ(judged({.allow = {"*"}}, at("192.0.2.7")), refused_address);
}

TEST(TargetRules, ReachOnlyThePortsThatAreGiven) {
    const TargetSettings settings{.ports = {"443", "8000-8999"}};
    EXPECT_EQ(judged(settings, named), "");
    EXPECT_EQ(judged(settings, at("a.test", 8000)), "");
    EXPECT_EQ(judged(settings, at("a.test", 8999)), "");
    EXPECT_EQ(judged(settings, at("a.test", 25)), "target_denied: port 25 is not in --allow-port");
    EXPECT_EQ(judged(settings, at("a.test", 9000)),
              "target_denied: port 9000 is not in --allow-port");
    EXPECT_EQ(judged(settings, at("a.test", 65535), "203.0.113.5"),
              "target_denied: port 65535 is not in --allow-port");
}

TEST(TargetRules, TakeAnOriginThatTheOperatorNamedAsAllowed) {
    const auto upstream = at("app.test", 8080);
    const TargetSettings settings{
        .allow = {"api.example.com"}, .ports = {"443"}, .trusted = {upstream, at("127.0.0.1")}};
    EXPECT_EQ(judged(settings, upstream), "");
    EXPECT_EQ(judged(settings, upstream, "127.0.0.1"), "");
    EXPECT_EQ(judged(settings, at("127.0.0.1")), "");
    EXPECT_EQ(judged(settings, at("app.test", 8081), "203.0.113.5"),
              "target_denied: port 8081 is not in --allow-port");
    EXPECT_EQ(judged(settings, named, "127.0.0.1"),
              "address_denied: loopback is reached only with --allow-target loopback" +
                  if_it_leads_clients);
}

TEST(TargetSettings, AreCheckedByTheirText) {
    for (const std::string_view text : {"api.example.com",
                                        "*.example.com",
                                        "*",
                                        "10.0.0.0/8",
                                        "192.0.2.1",
                                        "2001:db8::/32",
                                        "::1",
                                        "loopback",
                                        "private"}) {
        EXPECT_TRUE(is_target(text)) << text;
    }
    for (const std::string_view text : {"",
                                        "10.0.0.1/8",
                                        "10.0.0.0/33",
                                        "300.1.1.1",
                                        "127.1",
                                        "cafe:80",
                                        "a b",
                                        "https://a.test",
                                        "a.test:80"}) {
        EXPECT_FALSE(is_target(text)) << text;
    }
}

}  // namespace
}  // namespace nikawa::access
