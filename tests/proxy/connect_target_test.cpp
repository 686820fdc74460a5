#include "proxy/connect_target.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace nikawa::proxy {
namespace {

Result<http::Origin> target_of(std::string_view target,
                               std::string_view host = "any.example",
                               const http::BodyFraming& framing = http::NoBody{}) {
    http::RequestHead head;
    head.method = "CONNECT";
    head.target = target;
    if (!host.empty()) head.fields.add("Host", host);
    return connect_target(head, framing);
}

TEST(ConnectTarget, IsAHostAndAPortAndNothingElse) {  // RFC 9112 §3.2.3
    using mapping::HostFault;
    const auto none = mapping::bad_host;
    const Failure incomplete{Errc::bad_head, Side::client, refused(TunnelRefusal::target).cause};
    const std::string long_label(64, 'a');
    const struct {
        std::string target;
        const char* host;
        int port;
        std::optional<Failure> failure = {};
    } rows[] = {
        {"a.example:443", "a.example", 443},
        {"A.Example.:8443", "a.example", 8443},
        {"192.0.2.1:443", "192.0.2.1", 443},
        {"[2001:DB8::1]:443", "2001:db8::1", 443},
        {"[2001:db8:0:0::1]:443", "2001:db8::1", 443},
        {"a.example", "", 0, incomplete},
        {"a.example:", "", 0, incomplete},
        {"[2001:db8::1]", "", 0, incomplete},
        {"/", "", 0, incomplete},
        {"*", "", 0, incomplete},
        {"", "", 0, incomplete},
        {"a.example:0", "", 0, none(HostFault::port)},
        {"a.example:65536", "", 0, none(HostFault::port)},
        {"a.example:+443", "", 0, none(HostFault::port)},
        {"a.example:443:443", "", 0, none(HostFault::port)},
        {"2001:db8::1:443", "", 0, none(HostFault::port)},
        {"a.example:443/", "", 0, none(HostFault::url)},
        {"http://a.example:443", "", 0, none(HostFault::url)},
        {"user@a.example:443", "", 0, none(HostFault::userinfo)},
        {":443", "", 0, none(HostFault::empty)},
        {"a.example,b.example:443", "", 0, none(HostFault::odd_byte)},
        {"a%2eexample:443", "", 0, none(HostFault::odd_byte)},
        {"a.example..:443", "", 0, none(HostFault::empty_label)},
        {"a..example:443", "", 0, none(HostFault::empty_label)},
        {".a.example:443", "", 0, none(HostFault::empty_label)},
        {".:443", "", 0, none(HostFault::empty_label)},
        {"..:443", "", 0, none(HostFault::empty_label)},
        {long_label + ":443", "", 0, none(HostFault::too_long)},
        {"127.1:443", "", 0, none(HostFault::ipv4_address)},
        {"[2001:db8::1]443", "", 0, none(HostFault::ipv6_address)},
        {"[::::]:443", "", 0, none(HostFault::ipv6_address)},
        {"[a.example]:443", "", 0, none(HostFault::ipv6_address)},
        {"[192.0.2.1]:443", "", 0, none(HostFault::ipv6_address)},
        {"[fe80::1%25eth0]:443", "", 0, none(HostFault::ipv6_address)},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.target);
        const auto got = target_of(row.target);
        ASSERT_EQ(got.has_value(), !row.failure);
        if (got) {
            EXPECT_EQ(
                *got,
                (http::Origin{http::Scheme::http, row.host, static_cast<std::uint16_t>(row.port)}));
        } else {
            EXPECT_EQ(got.error(), *row.failure) << describe(got.error());
        }
    }
}

TEST(ConnectTarget, SaysWhatElseIsWrong) {
    EXPECT_EQ(target_of("a.example:443", "a b").error().code, Errc::bad_host);
    EXPECT_TRUE(target_of("a.example:443", ""));  // HTTP/1.0
    EXPECT_TRUE(target_of("a.example:443", "a.example", http::Sized{0}));
    for (const http::BodyFraming& body :
         {http::BodyFraming{http::Sized{1}}, http::BodyFraming{http::Chunked{}}}) {
        EXPECT_EQ(describe(target_of("a.example:443", "a.example", body).error()),
                  "the request head is malformed (a CONNECT has no body)");
    }
}

TEST(RefuseConnect, FollowsTheTable) {
    const std::vector<std::string> web = {"443", "8000-8999"};
    const std::vector<std::string> none;
    const struct {
        const char* host;
        std::uint16_t port;
        const std::vector<std::string>& ports;
        std::optional<TunnelRefusal> why;
    } rows[] = {
        {"a.example", 443, web, std::nullopt},
        {"a.example", 8080, web, std::nullopt},
        {"a.example", 22, web, TunnelRefusal::port},
        {"a.example", 443, none, TunnelRefusal::switched_off},
        {"a.example.ccnproxy-https", 443, web, TunnelRefusal::marked_host},
        {"a.example.ccnproxy.local", 443, web, TunnelRefusal::marked_host},
        {"ccnproxy-https.example", 22, web, TunnelRefusal::marked_host},
        {"ccnproxy-https-not.example", 443, web, std::nullopt},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.host);
        const auto got = refuse_connect(
            {http::Scheme::http, row.host, row.port}, access::PortRanges{row.ports}, {});
        ASSERT_EQ(got.has_value(), row.why.has_value());
        if (got) {
            EXPECT_EQ(*got, refused(*row.why));
        }
    }
}

TEST(TunnelRefusal, IsSaidInWords) {
    EXPECT_EQ(describe(refused(TunnelRefusal::port)),
              "this proxy makes no such tunnel (the port is not in --connect-port)");
    for (const auto why : {TunnelRefusal::switched_off,
                           TunnelRefusal::marked_host,
                           TunnelRefusal::fixed_origin,
                           TunnelRefusal::not_http_1}) {
        EXPECT_FALSE(refused(why).cause.message().empty());
    }
}

}  // namespace
}  // namespace nikawa::proxy
