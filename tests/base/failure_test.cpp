#include "nikawa/base/failure.hpp"

#include <gtest/gtest.h>

#include <set>

namespace nikawa {
namespace {

TEST(Failure, EveryCodeHasItsOwnName) {
    std::set<std::string_view> names;
    for (int code = 0; code <= static_cast<int>(Errc::abandoned); ++code) {
        const auto name = name_of(static_cast<Errc>(code));
        EXPECT_NE(name, "unknown");
        EXPECT_TRUE(names.insert(name).second) << name;
    }
}

TEST(Failure, IsDescribedWithItsCause) {
    using boost::system::errc::connection_refused;
    EXPECT_EQ(describe({Errc::connect_failed, Side::origin, make_error_code(connection_refused)}),
              "the connection to the origin failed (Connection refused)");
    EXPECT_EQ(describe({Errc::client_gone, Side::client}), "the client closed its connection");
}

TEST(Failure, IsDescribedWithWhatElseIsKnown) {
    using boost::system::errc::connection_refused;
    EXPECT_EQ(
        describe({Errc::connect_failed, Side::origin, make_error_code(connection_refused)}, "why"),
        "the connection to the origin failed (Connection refused; why)");
    EXPECT_EQ(describe({Errc::client_gone, Side::client}, "why"),
              "the client closed its connection (why)");
}

}  // namespace
}  // namespace nikawa
