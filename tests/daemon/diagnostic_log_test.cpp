#include "daemon/diagnostic_log.hpp"

#include <gtest/gtest.h>

namespace nikawa::daemon {
namespace {

TEST(WithoutControls, FollowsTheTable) {
    const struct {
        std::string_view text;
        std::string_view expected;
    } rows[] = {
        {"", ""},
        {"a path\\with \"all\"", "a path\\with \"all\""},
        {"one\r\n[error] two", "one\\x0d\\x0a[error] two"},
        {"\x1b[2Jgone\t\x7f", "\\x1b[2Jgone\\x09\\x7f"},
        {std::string_view{"\0", 1}, "\\x00"},
        {"h\xc3\xb6ren", "h\xc3\xb6ren"},
    };
    for (const auto& row : rows) EXPECT_EQ(without_controls(row.text), row.expected);
}

}  // namespace
}  // namespace nikawa::daemon
