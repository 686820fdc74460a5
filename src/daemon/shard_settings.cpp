#include "daemon/shard.hpp"

#include <algorithm>
#include <random>
#include <utility>
#include <version.hpp>

#include "daemon/options_sections.hpp"
#include "daemon/options_values.hpp"

namespace nikawa::daemon {
namespace {

// Longer than any session lives.
constexpr Duration never = std::chrono::hours{24 * 365};

// An option limits the daemon; a shard gets its share of it. 0 is no limit.
std::size_t share_of(std::size_t limit, unsigned threads) {
    return limit == 0 ? 0 : std::max<std::size_t>(limit / threads, 1);
}

pool::PoolLimits pool_limits(const Options& options) {
    pool::PoolLimits limits;
    auto& upkeep = limits.upkeep;
    if (options.keepalive_conns) {
        upkeep.max_idle = share_of(*options.keepalive_conns, options.threads);
    }
    upkeep.idle_timeout = options.keepalive_timeout;
    upkeep.max_sessions = share_of(options.max_conns_per_host, options.threads);
    upkeep.max_warm = share_of(options.warm_conns, options.threads);
    limits.keep_warm = options.keep_warm;
    limits.ping_interval = options.ping_interval;
    if (options.ping_interval == std::chrono::milliseconds::zero()) limits.ping_interval = never;
    limits.max_waiters = share_of(options.max_waiting_per_host, options.threads);
    limits.max_exchanges = share_of(options.max_exchanges_per_host, options.threads);
    limits.retry_percent = options.retry_budget;
    limits.jitter_seed = std::random_device{}();
    limits.timeouts = {.response_head = options.proxy_read_timeout,
                       .response_body = options.proxy_read_timeout,
                       .write = options.proxy_read_timeout};
    limits.early_data = options.early_data;
    return limits;
}

// An origin that takes nothing of a body has the time that is configured: TCP is not to give it up
// before. Without one only TCP's own patience counts.
Duration unacknowledged_within(Duration write_timeout) {
    if (write_timeout == Duration::zero()) return write_timeout;
    return std::max(write_timeout, net::DialSettings{}.unacknowledged);
}

std::vector<http::HostPattern> host_patterns(const std::vector<std::string>& texts) {
    std::vector<http::HostPattern> patterns;
    patterns.reserve(texts.size());
    for (const auto& text : texts) patterns.push_back(http::HostPattern::parse(text).value());
    return patterns;
}

}  // namespace

ShardSettings shard_settings(const Options& options, std::vector<std::uint16_t> own_ports) {
    ShardSettings settings;
    settings.client = {.head = {.head_bytes = options.max_head_bytes,
                                .start_line_bytes = options.max_request_line_bytes,
                                .fields = options.max_fields},
                       .body_bytes = options.max_body_bytes,
                       .head_timeout = options.head_timeout,
                       .idle_timeout = options.client_idle_timeout,
                       .read_timeout = options.read_timeout,
                       .write_timeout = options.write_timeout};
    settings.tls = {.verify = !options.insecure, .offer_h2 = options.http2};
    settings.dns.servers = options.resolvers;
    settings.dns.stale = options.dns_stale;
    settings.dns.grace = options.dns_grace;
    settings.dial.resolve_timeout = options.resolve_timeout;
    settings.dial.connect_timeout = options.connect_timeout;
    settings.dial.tls_timeout = options.tls_timeout;
    settings.dial.unacknowledged = unacknowledged_within(options.proxy_read_timeout);
    settings.dial.fast_open = options.tcp_fast_open;

    settings.body_memory = share_of(options.max_body_memory, options.threads);
    settings.sessions.h2.stream_window = options.h2_stream_window;
    settings.sessions.h2.write_timeout = options.proxy_read_timeout;
    settings.sessions.h2.unindexed_field = options.request_id_field;
    settings.pool = pool_limits(options);

    auto& rules = settings.forwarder.host_rules;
    rules.https_markers = options.https_markers;
    rules.http_markers = options.http_markers;
    rules.https_for = host_patterns(options.https_for);
    for (const auto& entry : options.map) rules.map.push_back(map_entry(entry).value());
    if (!options.keep_own_port) rules.own_ports = std::move(own_ports);
    settings.pages = {.version = NIKAWA_VERSION,
                      .started = std::chrono::steady_clock::now(),
                      .most_samples = options.stsize,
                      .host_rules = rules,
                      .takes_every_host = options.upstream.has_value()};
    settings.sampling_factor = options.spfactor;
    settings.forwarder.identity = {.via_name = options.via_name,
                                   .request_id_field = options.request_id_field};
    settings.forwarder.fixed_origin = options.upstream;
    settings.forwarder.acquire_timeout = options.acquire_timeout;
    settings.forwarder.connect_ports = access::PortRanges{options.connect_port};
    settings.forwarder.tunnel_timeout = options.tunnel_timeout;
    settings.forwarder.aws_max_chunk = options.aws_max_chunk;
    settings.forwarder.aws_max_body = options.aws_max_body;
    return settings;
}

client::ClientLimits limits_of_denied(client::ClientLimits limits) {
    constexpr Duration longest = std::chrono::seconds{2};
    for (Duration* const timeout : {&limits.head_timeout,
                                    &limits.idle_timeout,
                                    &limits.read_timeout,
                                    &limits.write_timeout}) {
        if (*timeout == Duration::zero() || *timeout > longest) *timeout = longest;
    }
    limits.linger = longest;
    return limits;
}

access::TargetSettings target_settings(const Options& options,
                                       std::vector<net::Endpoint> own_listeners) {
    access::TargetSettings settings{.allow = options.allow_target,
                                    .deny = options.deny_target,
                                    .ports = options.allow_port,
                                    .own_listeners = std::move(own_listeners)};
    if (options.upstream) settings.trusted.push_back(*options.upstream);
    for (const auto& entry : options.map) {
        if (auto origin = parse_origin_url(entry.origin)) settings.trusted.push_back(*origin);
    }
    return settings;
}

}  // namespace nikawa::daemon
