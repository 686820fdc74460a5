#include "nikawa/mapping/host_mapper.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

namespace nikawa::mapping {
namespace {

constexpr auto https = http::Scheme::https;
constexpr auto plain = http::Scheme::http;

struct Row {
    std::string host;
    std::optional<http::Origin> origin;  // nullopt: answered with 400
};

template <std::size_t count>
void expect_rows(const Row (&rows)[count],
                 const HostRules& rules,
                 HostForm form = HostForm::host_field) {
    for (const Row& row : rows) {
        SCOPED_TRACE(row.host);
        const auto got = map_host(row.host, rules, form);
        ASSERT_EQ(got.has_value(), row.origin.has_value());
        if (got) {
            EXPECT_EQ(*got, *row.origin);
        } else {
            EXPECT_EQ(got.error().code, Errc::bad_host);
            EXPECT_EQ(got.error().side, Side::client);
            EXPECT_TRUE(got.error().cause);
        }
    }
}

http::Origin to(http::Scheme scheme, std::string host, std::uint16_t port) {
    return {scheme, std::move(host), port};
}

TEST(MapHost, FollowsTheTable) {
    const Row rows[] = {
        {"api.example.com.ccnproxy-https", to(https, "api.example.com", 443)},
        {"api.example.com.ccnproxy-ssl", to(https, "api.example.com", 443)},
        {"api.example.com.ccnproxy-secure", to(https, "api.example.com", 443)},
        {"api.example.com.ccnproxy", to(plain, "api.example.com", 80)},
        // The port is kept.
        {"api.example.com.ccnproxy-https:8443", to(https, "api.example.com", 8443)},
        {"api.example.com.ccnproxy-https:80", to(https, "api.example.com", 80)},
        {"api.example.com.ccnproxy:1", to(plain, "api.example.com", 1)},
        {"api.example.com.ccnproxy:65535", to(plain, "api.example.com", 65535)},
        {"api.example.com.ccnproxy:00443", to(plain, "api.example.com", 443)},
        {"api.example.com.ccnproxy-https:", to(https, "api.example.com", 443)},
        // What stands after the marker is ignored, a trailing dot too.
        {"api.example.com.ccnproxy-https.local", to(https, "api.example.com", 443)},
        {"api.example.com.ccnproxy-ssl.a.b.c:8443", to(https, "api.example.com", 8443)},
        {"api.example.com.ccnproxy-https.", to(https, "api.example.com", 443)},
        {"api.example.com.ccnproxy-https.local.", to(https, "api.example.com", 443)},
        {"api.example.com.ccnproxy-https.:8443", to(https, "api.example.com", 8443)},
        // The last marker wins.
        {"a.ccnproxy.b.ccnproxy-https", to(https, "a.ccnproxy.b", 443)},
        {"a.ccnproxy-https.ccnproxy", to(plain, "a.ccnproxy-https", 80)},
        {"ccnproxy.ccnproxy-https", to(https, "ccnproxy", 443)},
        {"ccnproxy-https.example.com.ccnproxy", to(plain, "ccnproxy-https.example.com", 80)},
        // Any letter case; the origin in lower case.
        {"API.Example.COM.CCNproxy-HTTPS", to(https, "api.example.com", 443)},
        // Any number of labels, digits, hyphens, underscores.
        {"db.ccnproxy", to(plain, "db", 80)},
        {"a.b.c.d.e.f.g.h.ccnproxy", to(plain, "a.b.c.d.e.f.g.h", 80)},
        {"my_bucket.s3-1.example.ccnproxy-https", to(https, "my_bucket.s3-1.example", 443)},
        {"_dmarc.example.ccnproxy", to(plain, "_dmarc.example", 80)},
        {"xn--bcher-kva.example.ccnproxy", to(plain, "xn--bcher-kva.example", 80)},
        {"127.0.0.1.ccnproxy:8080", to(plain, "127.0.0.1", 8080)},
        // A marker is a whole label.
        {"example.xccnproxy", std::nullopt},
        {"example.ccnproxyx", std::nullopt},
        {"example.ccnproxy-http", std::nullopt},
        {"example-ccnproxy", std::nullopt},
        // No marker, or nothing before it.
        {"", std::nullopt},
        {".", std::nullopt},
        {"api.example.com", std::nullopt},
        {"ccnproxy-https", std::nullopt},
        {"ccnproxy-https:443", std::nullopt},
        {"ccnproxy.local", std::nullopt},
        {".ccnproxy-https", std::nullopt},
        // Empty labels anywhere.
        {"a..ccnproxy", std::nullopt},
        {"..ccnproxy", std::nullopt},
        {".a.ccnproxy", std::nullopt},
        {"a.ccnproxy..", std::nullopt},
        {"a.ccnproxy..local", std::nullopt},
        // Ports that are none.
        {"a.ccnproxy:0", std::nullopt},
        {"a.ccnproxy::", std::nullopt},
        {"a.ccnproxy:65536", std::nullopt},
        {"a.ccnproxy:18446744073709551617", std::nullopt},
        {"a.ccnproxy:+80", std::nullopt},
        {"a.ccnproxy:-80", std::nullopt},
        {"a.ccnproxy:80a", std::nullopt},
        {"a.ccnproxy: 80", std::nullopt},
        {"a.ccnproxy:80:80", std::nullopt},
        {":80", std::nullopt},
        // Bytes that no host name has, before the marker and after it.
        {"user@a.ccnproxy", std::nullopt},
        {"user:pass@a.ccnproxy", std::nullopt},
        {"a b.ccnproxy", std::nullopt},
        {" a.ccnproxy", std::nullopt},
        {"a.ccnproxy ", std::nullopt},
        {"a.ccnproxy.lo/cal", std::nullopt},
        {"a%2eb.ccnproxy", std::nullopt},
        {"a/b.ccnproxy", std::nullopt},
        {"a\\b.ccnproxy", std::nullopt},
        {"a?b.ccnproxy", std::nullopt},
        {"a#b.ccnproxy", std::nullopt},
        {"a,b.ccnproxy", std::nullopt},
        {"*.ccnproxy", std::nullopt},
        {"[::1].ccnproxy", std::nullopt},
        {"::1.ccnproxy", std::nullopt},
        {"b\xc3\xbc"
         "cher.ccnproxy",
         std::nullopt},
        {"a\r\nb.ccnproxy", std::nullopt},
        {std::string{"a\0b.ccnproxy", 12}, std::nullopt},
    };
    expect_rows(rows, HostRules{});
}

// RFC 1035 §2.3.4: 63 octets a label, 253 characters a name.
TEST(MapHost, HoldsTheLimitsOfNames) {
    const std::string label(63, 'a');
    const std::string name = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
    ASSERT_EQ(name.size(), 253U);
    const Row rows[] = {
        {label + ".ccnproxy", to(plain, label, 80)},
        {label + "a.ccnproxy", std::nullopt},
        {"a.ccnproxy." + label, to(plain, "a", 80)},
        {"a.ccnproxy." + label + "a", std::nullopt},
        {name + ".ccnproxy-https", to(https, name, 443)},
        {name + "b.ccnproxy-https", std::nullopt},
    };
    expect_rows(rows, HostRules{});
}

TEST(MapHost, TakesOurOwnPortsForTheDefaultPort) {
    HostRules rules;
    rules.own_ports = {3000, 3001};
    const Row rows[] = {
        {"a.ccnproxy-https:3000", to(https, "a", 443)},
        {"a.ccnproxy:3001", to(plain, "a", 80)},
        {"a.ccnproxy:3002", to(plain, "a", 3002)},
    };
    expect_rows(rows, rules);

    const Row as_chocon[] = {{"a.ccnproxy-https:3000", to(https, "a", 3000)}};
    expect_rows(as_chocon, HostRules{});
}

TEST(MapHost, TakesTheMarkersOfTheRules) {
    HostRules rules;
    rules.https_markers = {"Via-TLS"};
    rules.http_markers = {};
    const Row rows[] = {
        {"a.via-tls", to(https, "a", 443)},
        {"a.VIA-TLS.local", to(https, "a", 443)},
        {"a.ccnproxy-https", std::nullopt},
        {"a.ccnproxy", std::nullopt},
    };
    expect_rows(rows, rules);
}

http::HostPattern pattern(std::string_view text) { return http::HostPattern::parse(text).value(); }

TEST(MapHost, TakesTheHttpsOriginOfWhatHttpsForCovers) {
    HostRules rules;
    rules.own_ports = {3000, 8443};
    for (const char* text : {"*.amazonaws.com", "api.example.com", "192.0.2.1", "2001:db8::1"}) {
        rules.https_for.push_back(pattern(text));
    }
    const Row in_either_form[] = {
        {"s3.amazonaws.com", to(https, "s3.amazonaws.com", 443)},
        {"my_bucket.s3.eu-west-1.amazonaws.com",
         to(https, "my_bucket.s3.eu-west-1.amazonaws.com", 443)},
        {"S3.AmazonAWS.com.", to(https, "s3.amazonaws.com", 443)},
        {"api.example.com", to(https, "api.example.com", 443)},
        {"192.0.2.1", to(https, "192.0.2.1", 443)},
        {"[2001:db8::1]", to(https, "2001:db8::1", 443)},
        {"[2001:DB8:0:0::1]:80", to(https, "2001:db8::1", 443)},
        // The default port of the http name is that of the https origin; others are what they say.
        {"s3.amazonaws.com:80", to(https, "s3.amazonaws.com", 443)},
        {"s3.amazonaws.com.:080", to(https, "s3.amazonaws.com", 443)},
        {"s3.amazonaws.com:443", to(https, "s3.amazonaws.com", 443)},
        {"s3.amazonaws.com:9000", to(https, "s3.amazonaws.com", 9000)},
        // A port may be empty, which says nothing either (RFC 3986 §3.2.3).
        {"s3.amazonaws.com:", to(https, "s3.amazonaws.com", 443)},
        {"[2001:db8::1]:", to(https, "2001:db8::1", 443)},
        // A marker says it already.
        {"s3.amazonaws.com.ccnproxy", to(plain, "s3.amazonaws.com", 80)},
        {"s3.amazonaws.com.ccnproxy-https:80", to(https, "s3.amazonaws.com", 80)},
        {"other.example.ccnproxy-https", to(https, "other.example", 443)},
        {"api.example.com.ccnproxy.amazonaws.com", to(plain, "api.example.com", 80)},
        // What is no host is none here, too.
        {"s3..amazonaws.com", std::nullopt},
        {".amazonaws.com", std::nullopt},
        {"a b.amazonaws.com", std::nullopt},
        {"user@s3.amazonaws.com", std::nullopt},
        {"s3.amazonaws.com,evil.example", std::nullopt},
        {"s3.amazonaws.com..", std::nullopt},
        {"s3.amazonaws.com:0", std::nullopt},
        {"s3.amazonaws.com:65536", std::nullopt},
        {"s3.amazonaws.com:80:80", std::nullopt},
        {"[2001:db8::1", std::nullopt},
        {"[2001:db8::1]80", std::nullopt},
        {"[2001:db8::1%25eth0]", std::nullopt},
        {"2001:db8::1", std::nullopt},
        {"[s3.amazonaws.com]", std::nullopt},
        {"[192.0.2.1]", std::nullopt},
        {"[]", std::nullopt},
    };
    expect_rows(in_either_form, rules, HostForm::host_field);
    expect_rows(in_either_form, rules, HostForm::absolute);

    // A Host that names our port names us, and so says nothing of the origin's.
    const Row fields[] = {
        {"s3.amazonaws.com:3000", to(https, "s3.amazonaws.com", 443)},
        {"[2001:db8::1]:8443", to(https, "2001:db8::1", 443)},
        {"amazonaws.com", std::nullopt},
        {"notamazonaws.com", std::nullopt},
        {"www.example.com", std::nullopt},
        {"192.0.2.2", std::nullopt},
        {"192.0.2.1.example", std::nullopt},
    };
    expect_rows(fields, rules, HostForm::host_field);
    const Row targets[] = {
        {"s3.amazonaws.com:3000", to(https, "s3.amazonaws.com", 3000)},
        {"s3.amazonaws.com.ccnproxy-https:3000", to(https, "s3.amazonaws.com", 443)},
        {"amazonaws.com", to(plain, "amazonaws.com", 80)},
    };
    expect_rows(targets, rules, HostForm::absolute);

    rules.own_ports.clear();
    const Row as_chocon[] = {{"s3.amazonaws.com:3000", to(https, "s3.amazonaws.com", 3000)}};
    expect_rows(as_chocon, rules, HostForm::host_field);
}

TEST(MapHost, TakesTheOriginOfTheAbsoluteTarget) {  // RFC 9112 §3.2.2
    HostRules rules;
    rules.own_ports = {3000};
    const Row rows[] = {
        {"www.example.com", to(plain, "www.example.com", 80)},
        {"WWW.Example.com.:8080", to(plain, "www.example.com", 8080)},
        {"www.example.com:443", to(plain, "www.example.com", 443)},
        {"www.example.com:3000", to(plain, "www.example.com", 3000)},
        {"localhost", to(plain, "localhost", 80)},
        {"192.0.2.1:8080", to(plain, "192.0.2.1", 8080)},
        {"[::1]:8080", to(plain, "::1", 8080)},
        {"[2001:DB8:0:0:0:0:0:1]", to(plain, "2001:db8::1", 80)},
        {"[::FFFF:192.0.2.1]", to(plain, "::ffff:192.0.2.1", 80)},
        {"api.example.com.ccnproxy-https", to(https, "api.example.com", 443)},
        {"api.example.com.ccnproxy-https:8443", to(https, "api.example.com", 8443)},
        {"", std::nullopt},
        {".", std::nullopt},
        {"ccnproxy-https", std::nullopt},
        {"ccnproxy.example.com", std::nullopt},
        {std::string(63, 'a') + "a", std::nullopt},
        {"[1:2]", std::nullopt},
        {"www.example.com/", std::nullopt},
    };
    expect_rows(rows, rules, HostForm::absolute);
}

TEST(MapHost, TakesAnAbsoluteTargetOfHttpsAtItsWord) {
    HostRules rules;
    rules.map = {{pattern("plain.example"), plain, {}, {}}};
    rules.https_for = {pattern("*.amazonaws.com")};
    const Row rows[] = {
        {"www.example.com", to(https, "www.example.com", 443)},
        {"www.example.com:443", to(https, "www.example.com", 443)},
        {"www.example.com:80", to(https, "www.example.com", 80)},
        {"s3.amazonaws.com:80", to(https, "s3.amazonaws.com", 80)},
        {"[::1]:8443", to(https, "::1", 8443)},
        // Who writes a marker, or a rule, means it.
        {"www.example.com.ccnproxy", to(plain, "www.example.com", 80)},
        {"plain.example", to(plain, "plain.example", 80)},
        {"plain.example:443", to(plain, "plain.example", 80)},
        {"plain.example:8080", to(plain, "plain.example", 8080)},
    };
    expect_rows(rows, rules, HostForm::absolute_https);
}

TEST(MapHost, TakesTheFirstEntryOfTheMapThatMatches) {
    HostRules rules;
    rules.own_ports = {3000};
    rules.https_for = {pattern("*.example.com")};
    rules.map = {
        {pattern("db.example.com"), https, "db.internal.example.net", 8443},
        {pattern("old.example.com"), plain, {}, {}},
        {pattern("*.old.example.com"), plain, "old.internal.example.net", {}},
        {pattern("*.secure.example"), https, {}, {}},
        {pattern("*.example.com"), https, {}, 4433},
        {pattern("192.0.2.1"), https, "::1", 1},
    };
    const Row in_either_form[] = {
        // The entry's port wins, whatever is named.
        {"db.example.com", to(https, "db.internal.example.net", 8443)},
        {"DB.example.com.:9000", to(https, "db.internal.example.net", 8443)},
        {"api.example.com:3001", to(https, "api.example.com", 4433)},
        {"192.0.2.1:80", to(https, "::1", 1)},
        // Else that which is named, if it says anything.
        {"old.example.com", to(plain, "old.example.com", 80)},
        {"old.example.com:443", to(plain, "old.example.com", 443)},
        {"a.old.example.com:8080", to(plain, "old.internal.example.net", 8080)},
        {"a.secure.example:80", to(https, "a.secure.example", 443)},
        {"a.secure.example", to(https, "a.secure.example", 443)},
        {"db.example.com:0", std::nullopt},
        {"db.example.com.ccnproxy", to(plain, "db.example.com", 80)},
    };
    expect_rows(in_either_form, rules, HostForm::host_field);
    expect_rows(in_either_form, rules, HostForm::absolute);

    const Row fields[] = {{"a.secure.example:3000", to(https, "a.secure.example", 443)},
                          {"old.example.com:3000", to(plain, "old.example.com", 80)},
                          {"secure.example", std::nullopt}};
    expect_rows(fields, rules, HostForm::host_field);
}

TEST(MapHost, HoldsTheLimitsOfNamesWithoutAMarkerToo) {
    const std::string label(63, 'a');
    const std::string name = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
    const Row rows[] = {
        {name, to(plain, name, 80)},
        {name + '.', to(plain, name, 80)},
        {name + 'b', std::nullopt},
        {'a' + label, std::nullopt},
    };
    expect_rows(rows, HostRules{}, HostForm::absolute);
}

TEST(MapHost, SaysWhatIsWrong) {
    const std::string long_label(64, 'a');
    const std::pair<std::string, HostFault> rows[] = {
        {"", HostFault::empty},
        {":80", HostFault::empty},
        {"api.example.com", HostFault::unmarked},
        {"api.example.com.ccnproxy-htps:8080", HostFault::unmarked},
        {"api.exampleccnproxy-https", HostFault::unmarked},
        {"127.0.0.1:3000", HostFault::unmarked},
        {"[::1]:3000", HostFault::unmarked},
        {"https://api.example.com.ccnproxy-https", HostFault::url},
        {"https://u:p@api.example.com.ccnproxy-https", HostFault::url},
        {"api.example.com.ccnproxy-https/v1", HostFault::url},
        {"u:p@api.example.com.ccnproxy-https", HostFault::userinfo},
        {"u@api.example.com.ccnproxy-https:8443", HostFault::userinfo},
        {"b\xc3\xbc"
         "cher.example.ccnproxy-https",
         HostFault::not_ascii},
        {"api.example.com:8443.ccnproxy-https", HostFault::port_before_marker},
        {"api.example.com:8443.CCNPROXY.local:3000", HostFault::port_before_marker},
        {"[::1]:8443.ccnproxy-https", HostFault::port_before_marker},
        {"api.example.com.ccnproxy-https:0", HostFault::port},
        {"api.example.com.ccnproxy-https:65536", HostFault::port},
        {"api.example.com.ccnproxy-https::", HostFault::port},
        {"api.example.com.ccnproxy-https:http", HostFault::port},
        {"[::1]:x", HostFault::port},
        {"ccnproxy-https", HostFault::nothing_marked},
        {"ccnproxy-https.local:3000", HostFault::nothing_marked},
        {".ccnproxy-https", HostFault::nothing_marked},
        {".ccnproxy-https:3000", HostFault::nothing_marked},
        {".", HostFault::empty_label},
        {".example.com.ccnproxy-https", HostFault::empty_label},
        {"api..example.com.ccnproxy-https", HostFault::empty_label},
        {long_label + ".ccnproxy-https", HostFault::too_long},
        {"api example.com.ccnproxy-https", HostFault::odd_byte},
        {"api.example.com.ccnproxy-https,a", HostFault::odd_byte},
        {"[::1", HostFault::ipv6_address},
        {"[::1]x", HostFault::ipv6_address},
        {"[api.example.com]", HostFault::ipv6_address},
        {"127.1.ccnproxy", HostFault::ipv4_address},
        {"127.1", HostFault::ipv4_address},
    };
    for (const auto& [host, fault] : rows) {
        SCOPED_TRACE(host);
        const auto got = map_host(host, {}, HostForm::host_field);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error(), bad_host(fault)) << describe(got.error());
    }
}

TEST(HostFault, IsSaidInWords) {
    EXPECT_EQ(describe(bad_host(HostFault::unmarked)),
              "the Host does not name an origin (no marker label is behind the name)");
    for (int fault = 1; fault <= static_cast<int>(HostFault::ipv4_address); ++fault) {
        EXPECT_FALSE(bad_host(static_cast<HostFault>(fault)).cause.message().empty()) << fault;
    }
}

}  // namespace
}  // namespace nikawa::mapping
