#include "origin/keep_alive_timeout.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace nikawa::origin {
namespace {

using namespace std::chrono_literals;

TEST(KeepAliveTimeout, FollowsTheTable) {
    const struct {
        std::vector<std::string_view> values;  // of Keep-Alive fields
        std::optional<Duration> timeout;
    } rows[] = {
        {{"timeout=5"}, 5s},
        {{"timeout=5, max=100"}, 5s},
        {{"max=100, timeout=5"}, 5s},
        {{"max=100,,TimeOut = 75 ,"}, 75s},
        {{"timeout=\"15\""}, 15s},
        {{"timeout=75", "timeout=5"}, 5s},
        {{"timeout=bad, timeout=7"}, 7s},
        {{"timeout=86401"}, 24h},
        {{"timeout=4294967296"}, 24h},
        {{"timeout=99999999999999999999999999"}, 24h},
        {{"timeout=0"}, std::nullopt},
        {{"timeout=-5"}, std::nullopt},
        {{"timeout=+5"}, std::nullopt},
        {{"timeout=5s"}, std::nullopt},
        {{"timeout=5.5"}, std::nullopt},
        {{"timeout="}, std::nullopt},
        {{"timeout=\""}, std::nullopt},
        {{"timeout"}, std::nullopt},
        {{"=5"}, std::nullopt},
        {{"xtimeout=5"}, std::nullopt},
        {{"max=100"}, std::nullopt},
        {{""}, std::nullopt},
        {{}, std::nullopt},
    };
    for (const auto& row : rows) {
        http::FieldBlock fields;
        fields.add("Connection", "keep-alive");
        for (const auto value : row.values) fields.add("Keep-Alive", value);
        SCOPED_TRACE(row.values.empty() ? "none" : row.values.front());
        EXPECT_EQ(keep_alive_timeout(fields), row.timeout);
    }
}

}  // namespace
}  // namespace nikawa::origin
