#include "nikawa/proxy/request_id.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace nikawa::proxy {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

std::string text(const RequestIdSource::Id& id) { return {id.data(), id.size()}; }

TEST(RequestId, IsAnXid) {
    // The example of xid's own documentation: 4d88e15b 60f486e428 412dc9.
    RequestIdSource source{0x60f486e428, 0x412dc9};
    EXPECT_EQ(text(source.next(system_clock::time_point{seconds{0x4d88e15b}})),
              "9m4e2mr0ui3e8a215n4g");
}

TEST(RequestId, NeverComesTwiceAndSortsByTime) {
    RequestIdSource source{1, 0xfffff0};
    std::set<std::string> ids;
    std::string last;
    for (int i = 0; i < 100; ++i) {
        const auto id = text(source.next(system_clock::time_point{seconds{1'000'000 + i}}));
        EXPECT_GT(id, last);
        EXPECT_TRUE(ids.insert(id).second);
        last = id;
    }
    EXPECT_NE(text(RequestIdSource::random().next({})), text(RequestIdSource::random().next({})));
}

TEST(RequestId, TakesFromAClientOnlyWhatCanStandInALog) {
    EXPECT_TRUE(is_usable_request_id("9m4e2mr0ui3e8a215n4g"));
    EXPECT_TRUE(is_usable_request_id(std::string(128, 'x')));
    EXPECT_FALSE(is_usable_request_id(""));
    EXPECT_FALSE(is_usable_request_id(std::string(129, 'x')));
    EXPECT_FALSE(is_usable_request_id("a b"));
    EXPECT_FALSE(is_usable_request_id("caf\xc3\xa9"));
}

TEST(TraceId, ComesFromAValidTraceparent) {
    constexpr std::string_view trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    EXPECT_EQ(trace_id_of(good), trace);
    EXPECT_EQ(trace_id_of("cc" + good.substr(2) + "-more"), trace);  // a later version may go on
    for (const std::string& bad :
         {std::string{},
          good + "-more",
          good.substr(1),
          "ff" + good.substr(2),
          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01" + std::string{},
          "00-00000000000000000000000000000000-00f067aa0ba902b7-01" + std::string{},
          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01" + std::string{},
          "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" + std::string{}}) {
        EXPECT_EQ(trace_id_of(bad), "") << bad;
    }
}

}  // namespace
}  // namespace nikawa::proxy
