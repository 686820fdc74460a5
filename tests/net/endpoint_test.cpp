#include "nikawa/net/endpoint.hpp"

#include <gtest/gtest.h>

#include "net/connect_race.hpp"
#include "net/socket_address.hpp"

namespace nikawa::net {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(IpAddress, ReadsWhatItWritesAndNothingElse) {
    for (const char* text : {"192.0.2.1", "2001:db8::1", "::1", "255.255.255.255"}) {
        EXPECT_EQ(ip(text).to_string(), text);
    }
    for (const char* text : {"",
                             "localhost",
                             "1.2.3",
                             "1.2.3.4.5",
                             "[::1]",
                             "fe80::1%eth0",
                             "192.0.2.1:80",
                             "0x7f.0.0.1",
                             "2001:db8:0000:0000:0000:0000:0000:0001:and:more:of:it:than:fits"}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
}

TEST(Endpoint, IsWrittenWithItsPort) {
    EXPECT_EQ((Endpoint{ip("192.0.2.1"), 443}.to_string()), "192.0.2.1:443");
    EXPECT_EQ((Endpoint{ip("2001:db8::1"), 443}.to_string()), "[2001:db8::1]:443");
}

TEST(SocketAddress, GivesBackTheEndpointAndUndressesMappedAddresses) {
    for (const char* text : {"192.0.2.1", "2001:db8::1"}) {
        const Endpoint endpoint{ip(text), 8443};
        EXPECT_EQ(SocketAddress{endpoint}.endpoint(), endpoint);
    }
    EXPECT_EQ((SocketAddress{Endpoint{ip("::ffff:192.0.2.1"), 1}}.endpoint()),
              (Endpoint{ip("192.0.2.1"), 1}));
    EXPECT_EQ(SocketAddress{}.endpoint(), std::nullopt);
}

// RFC 8305 §4
TEST(Interleaved, LetsFamiliesTakeTurns) {
    const auto a = ip("192.0.2.1"), b = ip("192.0.2.2"), c = ip("192.0.2.3");
    const auto x = ip("2001:db8::1"), y = ip("2001:db8::2");
    struct Row {
        Addresses given;
        Addresses order;
    };
    const Row rows[] = {
        {{}, {}},
        {{a}, {a}},
        {{x, y, a, b, c}, {x, a, y, b, c}},
        {{a, b, c, x}, {a, x, b, c}},
        {{a, x, y}, {a, x, y}},
    };
    for (const Row& row : rows) EXPECT_EQ(interleaved(row.given), row.order);
}

}  // namespace
}  // namespace nikawa::net
