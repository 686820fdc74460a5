#include "nikawa/net/descriptor_reserve.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <vector>

#include "nikawa/net/unique_fd.hpp"

namespace nikawa::net {
namespace {

UniqueFd any_descriptor() { return UniqueFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; }

TEST(UniqueFd, TellsHowManyAreOwnedInAll) {
    const auto before = UniqueFd::owned();
    UniqueFd none{-1};
    auto first = any_descriptor();
    UniqueFd second = any_descriptor();
    EXPECT_EQ(UniqueFd::owned(), before + 2);
    UniqueFd moved{std::move(first)};
    none = std::move(moved);
    EXPECT_EQ(UniqueFd::owned(), before + 2);
    const int given_away = none.release();
    EXPECT_EQ(UniqueFd::owned(), before + 1);
    second.reset();
    second.reset();
    EXPECT_EQ(UniqueFd::owned(), before);
    const UniqueFd adopted{given_away};
    EXPECT_EQ(UniqueFd::owned(), before + 1);
}

TEST(DescriptorReserve, KeepsTheLastEighth) {
    ASSERT_EQ(UniqueFd::owned(), 0U);
    DescriptorReserve reserve{16};
    std::vector<UniqueFd> owned;
    for (int i = 0; i < 13; ++i) owned.push_back(any_descriptor());
    EXPECT_TRUE(reserve.has_room());
    EXPECT_TRUE(reserve.promise());
    owned.push_back(any_descriptor());
    EXPECT_FALSE(reserve.has_room());
    EXPECT_FALSE(reserve.promise());
    owned.pop_back();
    EXPECT_TRUE(reserve.promise());
}

TEST(DescriptorReserve, CountsWhatItHasPromised) {
    ASSERT_EQ(UniqueFd::owned(), 0U);
    DescriptorReserve reserve{8};
    {
        std::vector<DescriptorReserve::Promise> promises;
        while (auto promise = reserve.promise()) promises.push_back(std::move(*promise));
        EXPECT_EQ(promises.size(), 7U);
        EXPECT_FALSE(reserve.has_room());
    }
    EXPECT_TRUE(reserve.has_room());
    EXPECT_TRUE(reserve.promise());
}

}  // namespace
}  // namespace nikawa::net
