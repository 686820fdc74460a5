#include "nikawa/access/address_range.hpp"

#include <gmock/gmock.h>

namespace nikawa::access {
namespace {

using testing::ElementsAreArray;

net::IpAddress ip(std::string_view text) { return net::IpAddress::parse(text).value(); }

TEST(AddressRange, ContainsWhatSharesItsPrefix) {
    struct Row {
        std::string_view range;
        std::string_view address;
        bool contains;
    };
    const Row rows[] = {
        {"10.0.0.0/8", "10.0.0.0", true},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"172.16.0.0/12", "172.31.255.255", true},
        {"172.16.0.0/12", "172.32.0.0", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"0.0.0.0/0", "203.0.113.5", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::/0", "2001:db8::1", true},
        {"::/0", "10.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(testing::Message() << row.range << " and " << row.address);
        const auto range = AddressRange::parse(row.range);
        ASSERT_TRUE(range);
        EXPECT_EQ(range->contains(ip(row.address)), row.contains);
        EXPECT_EQ(range->to_string(), row.range);
    }
}

TEST(AddressRange, RefusesWhatIsNoRange) {
    for (const std::string_view text : {"",
                                        "/8",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/+8",
                                        "10.0.0.0/8/8",
                                        "10.0.0.1/8",
                                        "10.0/8",
                                        "2001:db8::/129",
                                        "2001:db8::1/64",
                                        "::/4294967296",
                                        "api.example.com"}) {
        EXPECT_FALSE(AddressRange::parse(text)) << text;
    }
}

TEST(AddressRanges, KnowTheWordsForLoopbackAndPrivate) {
    struct Row {
        std::string_view text;
        std::string_view address;
        bool contains;
    };
    const Row rows[] = {
        {"loopback", "127.0.0.1", true},     {"loopback", "127.255.255.255", true},
        {"loopback", "::1", true},           {"loopback", "128.0.0.0", false},
        {"loopback", "10.0.0.1", false},     {"private", "10.1.2.3", true},
        {"private", "172.16.0.1", true},     {"private", "172.32.0.1", false},
        {"private", "192.168.1.1", true},    {"private", "169.254.7.7", true},
        {"private", "fd12:3456::1", true},   {"private", "fe80::1", true},
        {"private", "203.0.113.5", false},   {"private", "100.64.0.1", false},
        {"private", "2001:db8::1", false},   {"private", "127.0.0.1", false},
        {"192.0.2.0/24", "192.0.2.9", true}, {"192.0.2.0/24", "192.0.3.9", false},
        {"Loopback", "127.0.0.1", false},    {"nothing", "127.0.0.1", false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(testing::Message() << row.text << " and " << row.address);
        EXPECT_EQ(contains(address_ranges(row.text), ip(row.address)), row.contains);
    }
    EXPECT_TRUE(address_ranges("nothing").empty());
}

TEST(Unmapped, UndressesMappedAddressesOnly) {
    EXPECT_EQ(unmapped(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    for (const std::string_view text :
         {"192.0.2.1", "::192.0.2.1", "64:ff9b::192.0.2.1", "2002:c000:201::", "::1"}) {
        EXPECT_EQ(unmapped(ip(text)), ip(text));
    }
}

TEST(Meanings, AreTheAddressAndTheIPv4AddressesItCarries) {
    struct Row {
        std::string_view address;
        std::vector<std::string> carried;
    };
    const Row rows[] = {
        {"192.0.2.1", {}},
        {"2001:db8::192.0.2.1", {}},
        {"::", {}},
        {"::1", {}},
        {"::2", {"0.0.0.2"}},
        {"::7f00:1", {"127.0.0.1"}},  // RFC 4291 §2.5.5.1
        {"::ffff:169.254.169.254", {"169.254.169.254"}},
        {"::ffff:0:169.254.169.254", {"169.254.169.254"}},  // RFC 2765 §2.1
        {"64:ff9b::a9fe:a9fe", {"169.254.169.254"}},        // RFC 6052 §2.1
        {"64:ff9b::1:a9fe:a9fe", {}},
        {"64:ff9b:1::10.1.2.3", {"10.1.2.3"}},       // RFC 8215, a /96
        {"64:ff9b:1:fffe::10.1.2.3", {"10.1.2.3"}},  // the same: 255.254.0.0 is no host's
        {"64:ff9b:1:a9fe:a9:fe00::", {"169.254.169.254", "169.254.0.0"}},  // a /48
        {"64:ff9b:1:a9:fe:a9fe::", {"169.254.169.254"}},                   // a /56
        {"64:ff9b:1:0:a9:fea9:fe00:0", {"169.254.169.254"}},               // a /64
        {"64:ff9b:1::", {}},
        {"64:ff9b:2::10.1.2.3", {}},
        {"2002:a9fe:a9fe::1", {"169.254.169.254"}},               // RFC 3056
        {"2001:0:4136:e378:8000:63bf:80ff:fffe", {"127.0.0.1"}},  // RFC 4380 §4
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.address);
        net::Addresses expected{ip(row.address)};
        for (const auto& text : row.carried) expected.push_back(ip(text));
        EXPECT_THAT(meanings(ip(row.address)), ElementsAreArray(expected));
    }
}

}  // namespace
}  // namespace nikawa::access
