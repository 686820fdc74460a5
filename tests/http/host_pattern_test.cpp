#include "nikawa/http/host_pattern.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nikawa::http {
namespace {

TEST(HostPattern, MatchesByTheTable) {
    struct Row {
        std::string_view pattern;
        std::string_view host;
        bool matches;
    };
    const Row rows[] = {
        {"api.example.com", "api.example.com", true},
        {"API.Example.Com.", "api.example.com", true},
        {"api.example.com", "www.api.example.com", false},
        {"api.example.com", "example.com", false},
        {"*.example.com", "api.example.com", true},
        {"*.example.com", "a.b.example.com", true},
        {"*.example.com", "example.com", false},
        {"*.example.com", "badexample.com", false},
        {"*.example.com", "api.example.com.evil.test", false},
        {"*", "api.example.com", true},
        {"*", "localhost", true},
        {"internal_name", "internal_name", true},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.30", false},
        {"2001:DB8::1", "2001:db8::1", true},
        {"*", "10.1.2.3", false},
        {"*", "2001:db8::1", false},
        {"*", "2130706433", false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(testing::Message() << row.pattern << " and " << row.host);
        const auto pattern = HostPattern::parse(row.pattern);
        ASSERT_TRUE(pattern);
        EXPECT_EQ(pattern->matches(row.host), row.matches);
    }
}

TEST(HostPattern, IsWrittenAsItWasGiven) {
    for (const std::string_view text :
         {"api.example.com", "*.example.com", "*", "10.1.2.3", "2001:db8::1"}) {
        EXPECT_EQ(HostPattern::parse(text)->to_string(), text);
    }
}

TEST(HostPattern, RefusesWhatIsNoPattern) {
    for (const auto& text : std::vector<std::string>{"",
                                                     ".",
                                                     ".example.com",
                                                     "a..b",
                                                     "api.*.com",
                                                     "api*",
                                                     "*api.example.com",
                                                     "**",
                                                     "*.",
                                                     "*.*.example.com",
                                                     "a b",
                                                     "a/b",
                                                     "10.0.0.0/8",
                                                     "https://a.test",
                                                     "a.test:443",
                                                     "*.0.0.1",
                                                     "127.1",
                                                     "1.2.3.4.5",
                                                     "2130706433",
                                                     "1..2.3",
                                                     "300.1.1.1",
                                                     "cafe:443",
                                                     std::string(64, 'a')}) {
        EXPECT_FALSE(HostPattern::parse(text)) << text;
    }
}

}  // namespace
}  // namespace nikawa::http
