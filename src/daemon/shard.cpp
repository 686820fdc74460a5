#include "daemon/shard.hpp"

#include <ctime>
#include <utility>

#include "nikawa/net/tcp_stream.hpp"

namespace nikawa::daemon {
namespace {

// The longest that an access line waits in memory, and how often the load is taken.
constexpr auto tick_interval = std::chrono::milliseconds{200};

// How long origins have to hear that we go, once no exchange is left.
constexpr auto parting_time = std::chrono::seconds{1};

// Resolves one name by itself; everything else goes on to the real resolver.
class OneNameResolver final : public net::Resolver {
public:
    OneNameResolver(std::string name, net::Resolver& others)
        : name_(std::move(name)), others_(others) {}

    Task<Result<net::Addresses>> resolve(std::string host, Deadline deadline) override {
        if (host == name_) host = "127.0.0.1";
        return others_.resolve(std::move(host), deadline);
    }

private:
    std::string name_;
    net::Resolver& others_;
};

std::unique_ptr<net::Resolver> override_for(const std::string& name, net::Resolver& others) {
    return name.empty() ? nullptr : std::make_unique<OneNameResolver>(name, others);
}

Duration thread_cpu_time() {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec};
}

// An option limits the daemon; a shard gets its share of it. 0 is no limit.
std::size_t share_of(std::size_t limit, unsigned threads) {
    return limit == 0 ? 0 : std::max<std::size_t>(limit / threads, 1);
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
    settings.dial.resolve_timeout = options.resolve_timeout;
    settings.dial.connect_timeout = options.connect_timeout;
    settings.dial.tls_timeout = options.tls_timeout;

    settings.sessions.h2.stream_window = options.h2_stream_window;
    settings.sessions.h2.write_timeout = options.proxy_read_timeout;
    settings.sessions.h2.unindexed_field = options.request_id_field;
    settings.pool.idle.idle_timeout = options.keepalive_timeout;
    if (const auto idle = options.keepalive_conns) {
        settings.pool.idle.max_idle = share_of(*idle, options.threads);
    }
    settings.pool.max_sessions = share_of(options.max_conns_per_host, options.threads);
    settings.pool.max_waiters = share_of(options.max_waiting_per_host, options.threads);
    settings.pool.timeouts = {.response_head = options.proxy_read_timeout,
                              .response_body = options.proxy_read_timeout,
                              .write = options.proxy_read_timeout};

    auto& rules = settings.forwarder.host_rules;
    rules.https_markers = options.https_markers;
    rules.http_markers = options.http_markers;
    if (!options.keep_own_port) rules.own_ports = std::move(own_ports);
    settings.forwarder.identity = {.via_name = options.via_name,
                                   .request_id_field = options.request_id_field};
    settings.forwarder.fixed_origin = options.upstream;
    settings.forwarder.acquire_timeout = options.acquire_timeout;
    return settings;
}

Shard::Shard(const ShardSettings& settings, const net::TrustStore& trust, telemetry::LogWriter* log)
    : event_loop_(loop_),
      settings_(settings),
      dns_(event_loop_, settings.dns),
      overrides_(override_for(settings.demo_name, dns_)),
      tls_(trust, settings.tls),
      dialer_(event_loop_, overrides_ ? *overrides_ : dns_, tls_, settings.dial),
      sessions_(loop_, dialer_, settings.sessions),
      pools_(loop_, sessions_, settings.pool),
      log_(log),
      forwarder_(loop_,
                 settings.forwarder,
                 pools_,
                 log_,
                 proxy::RequestIdSource::random(),
                 &std::chrono::system_clock::now),
      tick_(loop_.deadlines(), *this) {
    loop_.on_last_task_end([this] { end_when_idle(); });
    tick_.arm(Deadline::after(loop_.now(), tick_interval));
}

Shard::~Shard() = default;

void Shard::adopt(net::UniqueFd fd) {
    // std::function wants to copy what it holds, and a descriptor has one owner.
    event_loop_.post([this, raw = fd.release()] {
        serve(std::make_unique<net::TcpStream>(event_loop_, net::UniqueFd{raw}));
    });
}

void Shard::serve(std::unique_ptr<net::ByteStream> stream) {
    loop_.spawn(serve_connection(std::move(stream)));
}

Task<void> Shard::serve_connection(std::unique_ptr<net::ByteStream> stream) {
    client::ClientConnection connection{loop_, std::move(stream), forwarder_, settings_.client};
    const auto place = connections_.insert(connections_.end(), &connection);
    if (draining_) connection.drain();
    co_await connection.run();
    connections_.erase(place);
    if (draining_ && connections_.empty()) end_pools();
}

void Shard::drain() {
    event_loop_.post([this] {
        draining_ = true;
        for (auto* connection : connections_) connection->drain();
        if (connections_.empty()) end_pools();
        end_when_idle();
    });
}

void Shard::close() {
    event_loop_.post([this] {
        draining_ = true;
        for (auto* connection : connections_) connection->close();
        end_pools();
        pools_.cut_off();
        end_when_idle();
    });
}

// No exchange is left that a dial could serve.
void Shard::end_pools() {
    cut_pools_at_ = Deadline::after(loop_.now(), parting_time);
    pools_.close();
    dns_.cancel();
    dialer_.cancel();
}

void Shard::end_when_idle() {
    if (!draining_ || loop_.task_count() != 0) return;
    log_.flush();
    event_loop_.stop();
}

void Shard::expire() noexcept {
    log_.flush();
    const auto now = loop_.now();
    const auto busy = thread_cpu_time();
    const auto passed = std::chrono::duration<double>(now - measured_at_).count();
    const auto spent = std::chrono::duration<double>(busy - busy_).count();
    load_.store(passed > 0 ? spent / passed : 0, std::memory_order_relaxed);
    measured_at_ = now;
    busy_ = busy;
    if (now >= cut_pools_at_.at()) pools_.cut_off();
    tick_.arm(Deadline::after(now, tick_interval));
}

}  // namespace nikawa::daemon
