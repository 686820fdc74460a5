#include "nikawa/access/port_ranges.hpp"

#include <gtest/gtest.h>

namespace nikawa::access {
namespace {

TEST(PortRanges, KnowWhatIsOne) {
    for (const std::string_view text : {"1", "443", "65535", "8000-8999", "80-80"}) {
        EXPECT_TRUE(is_port_range(text)) << text;
    }
    for (const std::string_view text :
         {"", "0", "65536", "-80", "80-", "90-80", "80-90-100", "+80", "https", "0-80"}) {
        EXPECT_FALSE(is_port_range(text)) << text;
    }
}

TEST(PortRanges, HoldTheirPortsAndNoOthers) {
    EXPECT_TRUE(PortRanges{}.empty());
    EXPECT_FALSE(PortRanges{}.contains(443));
    const std::vector<std::string> texts{"443", "8000-8999", "no range"};
    const PortRanges ports{texts};
    EXPECT_FALSE(ports.empty());
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{443, 8000, 8500, 8999})
        EXPECT_TRUE(ports.contains(port));
    for (const std::uint16_t port :
         std::initializer_list<std::uint16_t>{1, 442, 444, 7999, 9000, 65535}) {
        EXPECT_FALSE(ports.contains(port)) << port;
    }
}

}  // namespace
}  // namespace nikawa::access
