#include "nikawa/net/own_address.hpp"

#include <gtest/gtest.h>

namespace nikawa::net {
namespace {

// What other addresses a machine has, no test knows; tests/system gives it some.
TEST(IsOwnAddress, KnowsWhatStaysHere) {
    EXPECT_TRUE(is_own_address(IpAddress::parse("127.0.0.1").value()));
    EXPECT_FALSE(is_own_address(IpAddress::parse("192.0.2.1").value()));
    EXPECT_FALSE(is_own_address(IpAddress::parse("2001:db8::1").value()));
}

}  // namespace
}  // namespace nikawa::net
