#include <gtest/gtest.h>

#include "daemon/shard.hpp"

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;

TEST(ShardSettings, CarryTheOptionsOfThePool) {
    Options options;
    options.keepalive_timeout = 10min;
    options.keep_warm = 2h;
    options.ping_interval = 30s;
    options.early_data = true;
    options.tcp_fast_open = true;
    options.dns_stale = 1h;
    options.dns_grace = 1min;
    const auto settings = shard_settings(options, {});
    EXPECT_EQ(settings.pool.upkeep.max_idle, std::nullopt);
    EXPECT_EQ(settings.pool.upkeep.idle_timeout, 10min);
    EXPECT_EQ(settings.pool.upkeep.max_sessions, 0U);
    EXPECT_EQ(settings.pool.upkeep.max_warm, 128U);
    EXPECT_EQ(settings.pool.keep_warm, 2h);
    EXPECT_EQ(settings.pool.ping_interval, 30s);
    EXPECT_TRUE(settings.pool.early_data);
    EXPECT_TRUE(settings.dial.fast_open);
    EXPECT_EQ(settings.dns.stale, 1h);
    EXPECT_EQ(settings.dns.grace, 1min);
}

TEST(ShardSettings, ShareTheLimitsOfTheDaemonAmongTheThreads) {
    Options options;
    options.threads = 4;
    options.keepalive_conns = 2;
    options.max_conns_per_host = 100;
    options.max_waiting_per_host = 10;
    options.warm_conns = 8;
    const auto settings = shard_settings(options, {});
    EXPECT_EQ(settings.pool.upkeep.max_idle, 1U);
    EXPECT_EQ(settings.pool.upkeep.max_sessions, 25U);
    EXPECT_EQ(settings.pool.max_waiters, 2U);
    EXPECT_EQ(settings.pool.upkeep.max_warm, 2U);
}

TEST(ShardSettings, PingNobodyWhenThatIsOff) {
    Options options;
    options.ping_interval = 0s;
    EXPECT_GT(shard_settings(options, {}).pool.ping_interval, 24h);
}

TEST(ShardSettings, LeaveAnOriginThatTakesNothingTheTimeThatIsConfigured) {
    Options options;
    EXPECT_EQ(shard_settings(options, {}).dial.unacknowledged, 60s);
    options.proxy_read_timeout = 5min;
    EXPECT_EQ(shard_settings(options, {}).dial.unacknowledged, 5min);
    options.proxy_read_timeout = 1s;
    EXPECT_EQ(shard_settings(options, {}).dial.unacknowledged, 30s);
    options.proxy_read_timeout = 0s;
    EXPECT_EQ(shard_settings(options, {}).dial.unacknowledged, 0s);
}

TEST(ShardSettings, LetThePagesKnowWhichHostsAreOrigins) {
    Options options;
    options.https_markers = {"marker"};
    options.stsize = 10;
    options.spfactor = 5;
    auto settings = shard_settings(options, {3000});
    EXPECT_EQ(settings.pages.host_rules.https_markers, std::vector<std::string>{"marker"});
    EXPECT_FALSE(settings.pages.takes_every_host);
    EXPECT_EQ(settings.pages.most_samples, 10U);
    EXPECT_EQ(settings.sampling_factor, 5U);
    options.upstream = http::Origin{};
    EXPECT_TRUE(shard_settings(options, {}).pages.takes_every_host);
}

TEST(ShardSettings, CarryWhatPlainHostsMean) {
    Options options;
    options.https_for = {"*.amazonaws.com"};
    options.map = {{"a.test", "http"}, {"b.test", "https://c.test"}};
    const auto settings = shard_settings(options, {});
    const auto& rules = settings.forwarder.host_rules;
    ASSERT_EQ(rules.https_for.size(), 1U);
    EXPECT_TRUE(rules.https_for[0].matches("s3.amazonaws.com"));
    ASSERT_EQ(rules.map.size(), 2U);
    EXPECT_TRUE(rules.map[0].hosts.matches("a.test"));
    EXPECT_EQ(rules.map[0].scheme, http::Scheme::http);
    EXPECT_EQ(rules.map[1].host, "c.test");
    EXPECT_EQ(settings.pages.host_rules.https_for, rules.https_for);
    EXPECT_EQ(settings.pages.host_rules.map.size(), 2U);
}

TEST(ShardSettings, CarryWhatTunnelsMayBe) {
    Options options;
    const auto usual = shard_settings(options, {}).forwarder;
    EXPECT_TRUE(usual.connect_ports.contains(443));
    EXPECT_FALSE(usual.connect_ports.contains(80));
    EXPECT_EQ(usual.tunnel_timeout, 1h);
    options.connect_port = {};
    options.tunnel_timeout = 5min;
    const auto settings = shard_settings(options, {}).forwarder;
    EXPECT_TRUE(settings.connect_ports.empty());
    EXPECT_EQ(settings.tunnel_timeout, 5min);
}

TEST(ClientLimits, LetADeniedClientStayForSecondsOnly) {
    const auto denied = limits_of_denied({.head = {},
                                          .body_bytes = 100,
                                          .head_timeout = 30s,
                                          .idle_timeout = 1s,
                                          .read_timeout = 0s,
                                          .write_timeout = 1min});
    EXPECT_EQ(denied.body_bytes, 100U);
    EXPECT_EQ(denied.head_timeout, 2s);
    EXPECT_EQ(denied.idle_timeout, 1s);
    EXPECT_EQ(denied.read_timeout, 2s);  // zero would be no limit
    EXPECT_EQ(denied.write_timeout, 2s);
    EXPECT_EQ(denied.linger, 2s);
}

TEST(TargetSettings, CarryTheOptionsAndTrustTheUpstream) {
    Options options;
    options.allow_target = {"*.example.com"};
    options.deny_target = {"private"};
    options.allow_port = {"443"};
    const net::Endpoint ours{net::IpAddress{net::IpAddress::V4Octets{}}, 3000};
    const auto settings = target_settings(options, {ours});
    EXPECT_EQ(settings.allow, options.allow_target);
    EXPECT_EQ(settings.deny, options.deny_target);
    EXPECT_EQ(settings.ports, options.allow_port);
    EXPECT_EQ(settings.own_listeners, std::vector{ours});
    EXPECT_TRUE(settings.trusted.empty());

    const http::Origin upstream{http::Scheme::http, "app.test", 8080};
    options.upstream = upstream;
    EXPECT_EQ(target_settings(options, {}).trusted, std::vector{upstream});

    // What an entry of the map names is named by the operator, too; what it lets the client name,
    // not.
    options.map = {{"db.test", "https://10.0.0.1:8443"}, {"*.test", "https"}};
    const http::Origin mapped{http::Scheme::https, "10.0.0.1", 8443};
    EXPECT_EQ(target_settings(options, {}).trusted, (std::vector{upstream, mapped}));
}

}  // namespace
}  // namespace nikawa::daemon
