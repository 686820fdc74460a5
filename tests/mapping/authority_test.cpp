// The reading of a host and a port, which is the same whatever they stand in.

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "nikawa/mapping/host_mapper.hpp"

namespace nikawa::mapping {
namespace {

http::HostPattern pattern(std::string_view text) { return http::HostPattern::parse(text).value(); }

// A rule about hosts is passed by no spelling: however an origin is named, what is taken is the
// same, and its text is the one that the rules know.
TEST(MapHost, ReadsASpellingInOneWayWhateverNamesTheOrigin) {
    const std::string label(63, 'a');
    const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
    const struct {
        std::string written;
        const char* host;  // nullptr: refused
    } rows[] = {
        {"secret.example", "secret.example"},
        {"SECRET.Example", "secret.example"},
        {"secret.example.", "secret.example"},
        {"secret_1.example-", "secret_1.example-"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"localhost", "localhost"},
        {longest, longest.c_str()},
        {longest + '.', longest.c_str()},
        // Dots too many, labels and names too long.
        {"", nullptr},
        {".", nullptr},
        {"..", nullptr},
        {"secret.example..", nullptr},
        {"secret..example", nullptr},
        {".secret.example", nullptr},
        {label + "a.example", nullptr},
        {longest + 'b', nullptr},
        // Bytes that stand for others, or end a name for some readers.
        {"secret%2eexample", nullptr},
        {"%73ecret.example", nullptr},
        {"secret.example%00", nullptr},
        {"secret.example%", nullptr},
        {std::string{"secret.example\0", 15}, nullptr},
        {std::string{"secret.example\0.b", 17}, nullptr},
        {"secret.example\x01", nullptr},
        {"secret.example\x7f", nullptr},
        {"secret.example\t", nullptr},
        {"secret.example ", nullptr},
        {" secret.example", nullptr},
        {"secret.example\r\n", nullptr},
        {"secret.example\\", nullptr},
        {"secret.example/", nullptr},
        {"secret.example?", nullptr},
        {"secret.example#", nullptr},
        {"secret.example,a", nullptr},
        {"user@secret.example", nullptr},
        {"user:1@secret.example", nullptr},
        {"secret\xe3\x80\x82"
         "example",
         nullptr},  // U+3002, a dot by IDNA
        {"\xef\xbd\x93"
         "ecret.example",
         nullptr},  // a full-width s
        {"secret.example\xc2\xad", nullptr},
        {"*", nullptr},
        {"*.example", nullptr},
        // An IPv4 address has one text.
        {"127.0.0.1", "127.0.0.1"},
        {"127.0.0.1.", "127.0.0.1"},
        {"127.1", nullptr},
        {"127.0.1", nullptr},
        {"0x7f.1", nullptr},
        {"0x7F000001", nullptr},
        {"127.0.0.0x1", nullptr},
        {"127.0.0.0x", nullptr},
        {"127.0.0.0X1.", nullptr},
        {"2130706433", nullptr},
        {"0177.0.0.1", nullptr},
        {"127.0.0.01", nullptr},
        {"017700000001", nullptr},
        {"0", nullptr},
        {"127.0.0.1.1", nullptr},
        {"127.0.0.256", nullptr},
        {"127.0.0.1.example", "127.0.0.1.example"},
        {"1.0x7g", "1.0x7g"},
        // So has an IPv6 address.
        {"[::1]", "::1"},
        {"[0:0:0:0:0:0:0:1]", "::1"},
        {"[0000:0000:0000:0000:0000:0000:0000:0001]", "::1"},
        {"[::0.0.0.1]", "::1"},
        {"[2001:DB8:0:0:0:0:0:1]", "2001:db8::1"},
        {"[::ffff:127.0.0.1]", "::ffff:127.0.0.1"},
        {"[::FFFF:7f00:1]", "::ffff:127.0.0.1"},
        {"[::ffff:127.1]", nullptr},
        {"[::ffff:0x7f.0.0.1]", nullptr},
        {"[::ffff:127.0.0.01]", nullptr},
        {"[fe80::1%eth0]", nullptr},
        {"[fe80::1%25eth0]", nullptr},
        {"[fe80::1%251]", nullptr},
        {"[v1.fe80::a+en1]", nullptr},
        {"[::1].", nullptr},
        {"[::1", nullptr},
        {"[]", nullptr},
        {"[::::]", nullptr},
        {"[00000::1]", nullptr},
        {"[ ::1]", nullptr},
        {std::string{"[::1\0]", 6}, nullptr},
        {std::string{"[::1\0secret]", 12}, nullptr},
        {"[[::1]]", nullptr},
        {"[127.0.0.1]", nullptr},
        {"[secret.example]", nullptr},
        {"::1", nullptr},
    };
    HostRules covering;
    covering.https_for = {pattern("*"), pattern("127.0.0.1")};
    for (const char* text : {"::1", "2001:db8::1", "::ffff:127.0.0.1"}) {
        covering.https_for.push_back(pattern(text));
    }
    HostRules mapping;
    for (const auto& hosts : covering.https_for) {
        mapping.map.push_back({hosts, http::Scheme::https, {}, {}});
    }
    for (const auto& row : rows) {
        SCOPED_TRACE(row.written);
        const auto expect = [&](const Result<http::Origin>& got, const char* where) {
            ASSERT_EQ(got.has_value(), row.host != nullptr) << where;
            if (got) {
                EXPECT_EQ(got->host, row.host) << where;
            }
        };
        expect(map_host(row.written, {}, HostForm::absolute), "absolute");
        expect(map_host(row.written, {}, HostForm::absolute_https), "absolute, https");
        expect(map_host(row.written, covering, HostForm::host_field), "--https-for");
        expect(map_host(row.written, mapping, HostForm::host_field), "[map]");
        const auto tunnel = host_and_port(row.written);
        ASSERT_EQ(tunnel.has_value(), row.host != nullptr);
        if (tunnel) {
            EXPECT_EQ(tunnel->host, row.host);
        }
        if (row.host == nullptr) {
            EXPECT_FALSE(map_host(row.written + ".ccnproxy", {}, HostForm::host_field));
        } else if (row.written.find_first_of("[") == std::string::npos) {
            const bool has_dot = row.written.ends_with('.');
            expect(
                map_host(
                    row.written + (has_dot ? "ccnproxy" : ".ccnproxy"), {}, HostForm::host_field),
                "suffix");
        }
    }
}

TEST(HostAndPort, AreWhatTheAuthoritySays) {
    const struct {
        const char* authority;
        const char* host;  // nullptr: refused
        std::optional<std::uint16_t> port;
    } rows[] = {
        {"a.example", "a.example", std::nullopt},
        {"a.example:", "a.example", std::nullopt},
        {"A.example.:0443", "a.example", 443},
        {"[::1]:65535", "::1", 65535},
        {"a.ccnproxy-https:1", "a.ccnproxy-https", 1},  // which are for plain HTTP
        {"a.example:0", nullptr, {}},
        {"a.example:65536", nullptr, {}},
        {"a.example:1:1", nullptr, {}},
        {"a.example:+1", nullptr, {}},
        {"a.example: 1", nullptr, {}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.authority);
        const auto got = host_and_port(row.authority);
        ASSERT_EQ(got.has_value(), row.host != nullptr);
        if (got) {
            EXPECT_EQ(got->host, row.host);
            EXPECT_EQ(got->port, row.port);
        } else {
            EXPECT_EQ(got.error(), bad_host(HostFault::port));
        }
    }
}

TEST(CheckHost, SaysWhatAHostIsNot) {  // RFC 9110 §7.2, RFC 3986 §3.2
    for (const std::string_view good : {"a",
                                        "a.",
                                        "a:",
                                        "a.example",
                                        "A_b-c.example:1",
                                        "192.0.2.1:65535",
                                        "[2001:db8::1]",
                                        "[2001:db8::1]:",
                                        "[::ffff:192.0.2.1]:8080"}) {
        EXPECT_TRUE(check_host(good)) << good;
    }
    const std::pair<std::string_view, HostFault> rows[] = {
        {"", HostFault::empty},
        {":80", HostFault::empty},
        {"a:0", HostFault::port},
        {"a:65536", HostFault::port},
        {"a:-1", HostFault::port},
        {"a:+1", HostFault::port},
        {"a:abc", HostFault::port},
        {"a:80:80", HostFault::port},
        {"a: 80", HostFault::port},
        {"a:.", HostFault::port},
        {"a b", HostFault::odd_byte},
        {" a", HostFault::odd_byte},
        {"a,b", HostFault::odd_byte},
        {"a\\b", HostFault::odd_byte},
        {"a?b", HostFault::odd_byte},
        {"a#b", HostFault::odd_byte},
        {"a%2eb", HostFault::odd_byte},
        {"%61", HostFault::odd_byte},
        {"a\tb", HostFault::odd_byte},
        {"a[b]", HostFault::odd_byte},
        {"a@b", HostFault::userinfo},
        {"u:p@a", HostFault::userinfo},
        {"a/b", HostFault::url},
        {"https://a.example", HostFault::url},
        {"\xc3\xbc", HostFault::not_ascii},
        {"a..b", HostFault::empty_label},
        {"a..", HostFault::empty_label},
        {"[::1", HostFault::ipv6_address},
        {"[]", HostFault::ipv6_address},
        {"[]:80", HostFault::ipv6_address},
        {"[::1]80", HostFault::ipv6_address},
        {"[a.b:c]d", HostFault::ipv6_address},
        {"[::1%25eth0]", HostFault::ipv6_address},
        {"::1", HostFault::empty},
    };
    for (const auto& [bad, fault] : rows) {
        SCOPED_TRACE(bad);
        const auto got = check_host(bad);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error(), bad_host(fault)) << describe(got.error());
    }
}

}  // namespace
}  // namespace nikawa::mapping
