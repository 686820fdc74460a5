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
    std::string host_field;
    std::optional<http::Origin> origin;  // nullopt: answered with 400
};

template <std::size_t count>
void expect_rows(const Row (&rows)[count], const HostRules& rules) {
    for (const Row& row : rows) {
        SCOPED_TRACE(row.host_field);
        const auto got = map_host(row.host_field, rules);
        ASSERT_EQ(got.has_value(), row.origin.has_value());
        if (got) {
            EXPECT_EQ(*got, *row.origin);
        } else {
            EXPECT_EQ(got.error(), (Failure{Errc::bad_host, Side::client}));
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
        {"a.ccnproxy:", std::nullopt},
        {"a.ccnproxy:0", std::nullopt},
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

}  // namespace
}  // namespace nikawa::mapping
