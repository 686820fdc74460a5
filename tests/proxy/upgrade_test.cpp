#include "proxy/upgrade.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace nikawa::proxy {
namespace {

using Lines = std::vector<std::pair<const char*, const char*>>;

TEST(RequestedUpgrade, FollowsTheTable) {  // RFC 9110 §7.8
    const struct {
        Lines lines;
        const char* asked;
    } rows[] = {
        {{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}, "websocket"},
        {{{"connection", "keep-alive, upgrade"}, {"upgrade", "WebSocket"}}, "WebSocket"},
        {{{"Connection", "Upgrade"}, {"Upgrade", "a/1, b"}, {"Upgrade", "c"}}, "a/1, b, c"},
        {{{"Upgrade", "websocket"}}, ""},  // it may be of a hop before
        {{{"Connection", "Upgrade"}}, ""},
        {{{"Connection", "close"}, {"Upgrade", "websocket"}}, ""},
        {{{"Connection", "Upgrade, HTTP2-Settings"}, {"Upgrade", "h2c"}}, ""},  // RFC 9113 §3.1
        {{{"Connection", "Upgrade"}, {"Upgrade", "h2c, websocket"}}, "websocket"},
        {{{"Connection", "Upgrade"}, {"Upgrade", "TLS/1.3, HTTP/2.0, h2"}}, ""},  // RFC 2817
        {{{"Connection", "Upgrade"}, {"Upgrade", ", ,"}}, ""},
    };
    for (const auto& row : rows) {
        http::RequestHead head;
        for (const auto& [name, value] : row.lines) head.fields.add(name, value);
        SCOPED_TRACE(row.lines.back().second);
        EXPECT_EQ(requested_upgrade(head), row.asked);
        head.version = http::Version::http_1_0;
        EXPECT_EQ(requested_upgrade(head), "");
        head.version = http::Version::http_2;
        EXPECT_EQ(requested_upgrade(head), "");
    }
}

TEST(AgreedUpgrade, FollowsTheTable) {  // RFC 9110 §15.2.2
    const struct {
        Lines lines;
        std::optional<std::string> agreed;
    } rows[] = {
        {{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}, "websocket"},
        {{{"connection", "upgrade"}, {"upgrade", "WebSocket"}}, "WebSocket"},
        {{{"Connection", "Upgrade"}, {"Upgrade", "other"}}, "other"},
        {{{"Connection", "Upgrade"}, {"Upgrade", "other, websocket"}}, "other, websocket"},
        {{{"Connection", "Upgrade"}, {"Upgrade", "a-third"}}, std::nullopt},
        {{{"Connection", "Upgrade"}, {"Upgrade", "websocket, a-third"}}, std::nullopt},
        {{{"Connection", "Upgrade"}}, std::nullopt},
        {{{"Upgrade", "websocket"}}, std::nullopt},
        {{}, std::nullopt},
    };
    for (const auto& row : rows) {
        http::ResponseHead head;
        for (const auto& [name, value] : row.lines) head.fields.add(name, value);
        EXPECT_EQ(agreed_upgrade(head, "websocket, other"), row.agreed);
    }
}

}  // namespace
}  // namespace nikawa::proxy
