#include "nikawa/access/client_rules.hpp"

#include <gtest/gtest.h>

namespace nikawa::access {
namespace {

bool allows(const std::vector<std::string>& allowed, std::string_view client) {
    return ClientRules{allowed}.allows(net::IpAddress::parse(client).value());
}

TEST(ClientRules, AllowThoseOfTheirRanges) {
    const std::vector<std::string> usual{"loopback", "private"};
    EXPECT_TRUE(allows(usual, "127.0.0.1"));
    EXPECT_TRUE(allows(usual, "::1"));
    EXPECT_TRUE(allows(usual, "10.1.2.3"));
    EXPECT_TRUE(allows(usual, "fd00::1"));
    EXPECT_TRUE(allows(usual, "::ffff:10.1.2.3"));
    EXPECT_FALSE(allows(usual, "203.0.113.5"));
    EXPECT_FALSE(allows(usual, "::ffff:203.0.113.5"));
    EXPECT_FALSE(allows(usual, "2001:db8::1"));

    EXPECT_TRUE(allows({"203.0.113.0/24"}, "203.0.113.5"));
    EXPECT_FALSE(allows({"203.0.113.0/24"}, "127.0.0.1"));
    EXPECT_FALSE(allows({}, "127.0.0.1"));
}

// Who sends from there is not at the address it carries.
TEST(ClientRules, AreNotMisledByAnAddressThatCarriesAPrivateOne) {
    for (const std::string_view client :
         {"2002:a00:1::1", "64:ff9b::10.0.0.1", "::10.0.0.1", "::ffff:0:10.0.0.1"}) {
        EXPECT_FALSE(allows({"loopback", "private"}, client)) << client;
    }
}

}  // namespace
}  // namespace nikawa::access
