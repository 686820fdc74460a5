#include "proxy/max_forwards.hpp"

#include <gtest/gtest.h>

namespace nikawa::proxy {
namespace {

http::RequestHead request(std::string_view method, std::initializer_list<const char*> values) {
    http::RequestHead head;
    head.method = method;
    head.target = "/a";
    for (const auto* const value : values) head.fields.add("max-forwards", value);
    return head;
}

TEST(MaxForwards, FollowsTheTable) {  // RFC 9110 §7.6.2
    constexpr auto refused = "refused";
    constexpr auto here = "here";
    const struct {
        const char* method;
        std::initializer_list<const char*> values;
        std::string_view expected;  // what goes on, or why it does not
    } rows[] = {
        {"OPTIONS", {}, "none"},
        {"OPTIONS", {"0"}, here},
        {"TRACE", {"0"}, here},
        {"TRACE", {"000"}, here},
        {"OPTIONS", {"1"}, "0"},
        {"TRACE", {"10"}, "9"},
        {"OPTIONS", {"18446744073709551615"}, "18446744073709551614"},
        {"OPTIONS", {"99999999999999999999999"}, "18446744073709551614"},
        // What cannot be read could be read as anything.
        {"OPTIONS", {""}, refused},
        {"OPTIONS", {"-1"}, refused},
        {"TRACE", {"+1"}, refused},
        {"TRACE", {"1.5"}, refused},
        {"TRACE", {"1, 2"}, refused},
        {"TRACE", {"x"}, refused},
        {"OPTIONS", {"1", "1"}, refused},
        {"OPTIONS", {"5", "0"}, refused},
        // Other methods are not concerned.
        {"GET", {"0"}, "0"},
        {"POST", {"x"}, "x"},
        {"options", {"0"}, "0"},
    };
    for (const auto& row : rows) {
        auto head = request(row.method, row.values);
        SCOPED_TRACE(std::string{row.method} + " " +
                     (row.values.size() ? *row.values.begin() : ""));
        const auto reach = reach_of(head);
        if (row.expected == refused) {
            ASSERT_FALSE(reach);
            EXPECT_EQ(reach.error(), (Failure{Errc::bad_head, Side::client}));
            continue;
        }
        ASSERT_TRUE(reach);
        EXPECT_EQ(*reach == Reach::here, row.expected == here);
        if (row.expected == here) continue;
        count_down_forwards(head);
        EXPECT_EQ(head.fields.find("Max-Forwards").value_or("none"), row.expected);
    }
}

TEST(FinalAnswer, ToOptionsSaysWhatMayBeAskedFor) {  // RFC 9110 §9.3.7
    const auto answer = final_answer(request("OPTIONS", {"0"}));
    EXPECT_EQ(answer.head.status, 200U);
    EXPECT_TRUE(http::is_listed(answer.head.fields.find("Allow").value_or(""), "OPTIONS"));
    EXPECT_EQ(answer.head.fields.find("Content-Length"), "0");
    EXPECT_EQ(answer.body, "");
}

TEST(FinalAnswer, ToTraceIsTheRequestWithoutCredentials) {  // RFC 9110 §9.3.8
    auto head = request("TRACE", {"0"});
    head.fields.add("Host", "a.example");
    head.fields.add("authorization", "Basic c2VjcmV0");
    head.fields.add("Cookie", "secret");
    head.fields.add("Proxy-Authorization", "secret");
    head.fields.add("X-Own", "1");
    const auto answer = final_answer(head);
    EXPECT_EQ(answer.head.status, 200U);
    EXPECT_EQ(answer.head.fields.find("Content-Type"), "message/http");
    EXPECT_EQ(answer.body,
              "TRACE /a HTTP/1.1\r\nmax-forwards: 0\r\nHost: a.example\r\nX-Own: 1\r\n\r\n");
    EXPECT_EQ(answer.head.fields.find("Content-Length"), std::to_string(answer.body.size()));
    head.version = http::Version::http_1_0;
    EXPECT_TRUE(final_answer(head).body.starts_with("TRACE /a HTTP/1.0\r\n"));
}

}  // namespace
}  // namespace nikawa::proxy
