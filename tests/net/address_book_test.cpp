#include "net/address_book.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace nikawa::net {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};

class AddressBookTest : public testing::Test {
protected:
    // What the addresses named by letters are tried as: a, b, c of the one family, x, y the other.
    std::string order(std::string_view resolved, TimePoint now = start) {
        Addresses given;
        for (const char letter : resolved) given.push_back(address(letter));
        std::string letters;
        for (const IpAddress& address : book.order("https://origin.test", given, now)) {
            letters += static_cast<char>(address.octets().at(address.is_v6() ? 15 : 3));
        }
        return letters;
    }

    void failed(char letter, TimePoint now = start) {
        book.failed("https://origin.test", address(letter), now);
    }

    void worked(char letter) { book.worked("https://origin.test", address(letter)); }

    static IpAddress address(char letter) {
        const bool is_v6 = letter >= 'x';
        const auto last = static_cast<std::uint8_t>(letter);
        if (is_v6)
            return IpAddress{
                IpAddress::V6Octets{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}};
        return IpAddress{IpAddress::V4Octets{192, 0, 2, last}};
    }

    AddressBook book{30s};
};

TEST_F(AddressBookTest, DialsAreSpreadOverTheAddresses) {
    EXPECT_EQ(order("abc"), "abc");
    EXPECT_EQ(order("abc"), "bca");
    EXPECT_EQ(order("abc"), "cab");
    EXPECT_EQ(order("abc"), "abc");
}

TEST_F(AddressBookTest, InWhateverOrderTheResolverNamesThem) {
    EXPECT_EQ(order("abc").front(), 'a');
    EXPECT_EQ(order("bca").front(), 'b');
    EXPECT_EQ(order("abc").front(), 'c');
    EXPECT_EQ(order("cab").front(), 'a');
}

// RFC 8305 §4.
TEST_F(AddressBookTest, ThePreferredFamilyComesFirstAndFamiliesTakeTurns) {
    EXPECT_EQ(order("xyab"), "xayb");
    EXPECT_EQ(order("xyab"), "yaxb");
    EXPECT_EQ(order("axyb"), "axby");
}

TEST_F(AddressBookTest, AnAddressThatFailedComesLastForAWhile) {
    struct Row {
        std::string_view failed;
        Duration later;
        std::string_view resolved;
        std::string_view order;
    };
    const Row rows[] = {
        {"a", 0s, "abc", "bca"},
        {"ab", 29s, "abc", "cab"},
        {"abc", 0s, "abc", "abc"},
        {"a", 30s, "abc", "abc"},
        {"x", 0s, "xyab", "yabx"},
        {"xy", 0s, "xyab", "abxy"},
        {"z", 0s, "abc", "abc"},
        {"", 0s, "abc", "abc"},
        {"a", 0s, "a", "a"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(testing::Message() << row.failed << " of " << row.resolved);
        book = AddressBook{30s};
        for (const char letter : row.failed) failed(letter);
        EXPECT_EQ(order(row.resolved, start + row.later), row.order);
    }
}

TEST_F(AddressBookTest, AnAddressThatWorksIsForgiven) {
    failed('a');
    EXPECT_EQ(order("abc"), "bca");
    worked('a');
    EXPECT_EQ(order("abc"), "acb");
}

TEST_F(AddressBookTest, AFailureIsRememberedWhileTheAddressIsNotNamed) {
    failed('a');
    EXPECT_EQ(order("bc", start + 1s), "bc");
    EXPECT_EQ(order("abc", start + 2s), "cba");
}

TEST_F(AddressBookTest, OriginsKnowNothingOfEachOther) {
    failed('a');
    EXPECT_EQ(book.order("https://other.test", {address('a'), address('b')}, start).front(),
              address('a'));
}

TEST_F(AddressBookTest, AnAvoidingTimeOfZeroAvoidsNothing) {
    book = AddressBook{0s};
    failed('a');
    EXPECT_EQ(order("abc"), "abc");
}

TEST_F(AddressBookTest, ForgetsOriginsNotDialledForLongWhenThereAreTooMany) {
    EXPECT_EQ(order("ab", start), "ab");
    for (std::size_t i = 1; i < AddressBook::max_origins; ++i) {
        book.order(std::to_string(i), {address('a'), address('b')}, start + 20s);
    }
    book.order("one more", {address('a')}, start + 40s);
    EXPECT_EQ(book.order("1", {address('a'), address('b')}, start + 40s).front(), address('b'));
    EXPECT_EQ(order("ab", start + 40s), "ab");
}

TEST_F(AddressBookTest, HasNoOrderForNothing) { EXPECT_EQ(order(""), ""); }

}  // namespace
}  // namespace nikawa::net
