#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/aws_keys.hpp"
#include "daemon/aws_metadata.hpp"
#include "daemon/connection_limits.hpp"
#include "daemon/freed_memory.hpp"
#include "daemon/open_connections.hpp"
#include "daemon/overload.hpp"
#include "daemon/pool_journal.hpp"
#include "daemon/refusals.hpp"
#include "daemon/state_file.hpp"
#include "nikawa/access/client_rules.hpp"
#include "nikawa/access/target_rules.hpp"
#include "nikawa/admin/stats_pages.hpp"
#include "nikawa/client/client_connection.hpp"
#include "nikawa/daemon/options.hpp"
#include "nikawa/net/dns_resolver.hpp"
#include "nikawa/net/tcp_stream.hpp"
#include "nikawa/net/tcp_tls_dialer.hpp"
#include "nikawa/proxy/denial.hpp"
#include "nikawa/proxy/forwarder.hpp"

namespace nikawa::daemon {

/// What all shards are made from; read only once they run.
struct ShardSettings {
    client::ClientLimits client;
    net::TlsSettings tls;
    net::DnsSettings dns;
    net::DialSettings dial;
    origin::SessionFactory::Limits sessions;
    std::size_t body_memory = 0;  ///< see MemoryBudget
    pool::PoolLimits pool;
    proxy::ForwarderSettings forwarder;
    admin::StatsPagesSettings pages;
    std::size_t sampling_factor = 1;                   ///< of the times that the pages tell
    std::size_t most_lingering = 16;                   ///< refused connections, see Refusals
    std::shared_ptr<const aws::Credentials> aws_file;  ///< immutable, for all; may be nullptr
    std::optional<MetadataEndpoint> aws_metadata;
    std::string demo_name;  ///< a name that means 127.0.0.1, for the demonstration; else empty
};

/// The settings that the options ask for; `own_ports` are those we listen on.
ShardSettings shard_settings(const Options& options, std::vector<std::uint16_t> own_ports);

/// What the options say of origins; `own_listeners` are where we listen.
access::TargetSettings target_settings(const Options& options,
                                       std::vector<net::Endpoint> own_listeners);

/// What all shards use together, from their threads. It outlives them.
struct ShardCommons {
    const net::TrustStore& trust;
    const access::ClientRules& clients;
    telemetry::LogWriter* log = nullptr;  ///< may be nullptr
    admin::StatsBoard& stats;
    StateFile* state = nullptr;  ///< may be nullptr
    ConnectionLimits& limits;
    Overload& overload;

    /// Asks all shards but that one to close something idle, soon; for want of a descriptor.
    std::function<void(std::size_t shard)> ask_others_for_room = [](std::size_t) {};
};

/// What a client may do that is to be told that it may do nothing: the same, but quickly.
client::ClientLimits limits_of_denied(client::ClientLimits limits);

/// One thread's world: its loop, its connections, its pools. Shards share nothing that changes.
class Shard final : private loop::Expirable, private net::DescriptorRelief {
public:
    /// All that is given outlives the shard. `index` counts them from 0.
    Shard(const ShardSettings& settings, const ShardCommons& commons, std::size_t index);
    ~Shard();

    /// Serves until it has drained. On the shard's own thread.
    void run() { event_loop_.run(); }

    /// From any thread: as `admit()`.
    void adopt(net::UniqueFd fd);

    /// From any thread: finishes what is in flight, then ends. `close()` ends it at once.
    void drain();
    void close();

    /// From any thread: the keys for AWS of the file, read again.
    void take_credentials(std::shared_ptr<const aws::Credentials> file);

    /// From any thread: the share of the last second that its thread was busy, 0 to 1.
    [[nodiscard]] double load() const { return load_.load(std::memory_order_relaxed); }

    [[nodiscard]] net::EventLoop& event_loop() { return event_loop_; }

    /// From any thread: since when a connection has been idle that might be let go.
    [[nodiscard]] std::optional<TimePoint> longest_idle_since() const noexcept {
        return connections_.longest_idle_since();
    }

    /// On the shard's own thread, or before it runs: serves a client's connection, in place of an
    /// idle one if need be, or refuses it.
    void admit(std::unique_ptr<net::TcpStream> stream);

    /// The same: closes something idle when there is no descriptor for a new connection of a
    /// client. False if there is nothing: then the other shards are asked, for the next one's sake.
    bool make_room() noexcept { return let_one_go(); }

    /// From any thread: closes something idle soon, for another shard is out of descriptors.
    void make_room_soon() noexcept;

    /// On the shard's own thread, or before it runs: refuses this one because there was none.
    void refuse_for_want_of_descriptors(net::TcpStream& stream) noexcept;

    /// The same: makes sessions to origins that were in use lately, or are to be kept warm for
    /// ever.
    void warm(const RememberedOrigins& remembered, const std::vector<http::Origin>& pinned);

    /// The same: whether `warm()` still waits for any of them, and to how many there is a session.
    [[nodiscard]] bool is_warming() const { return pools_.is_warming(); }
    [[nodiscard]] std::size_t reached_origins() const;
    [[nodiscard]] std::size_t known_origins() const { return pools_.size(); }

private:
    struct Metadata;

    Task<void> serve_connection(std::unique_ptr<net::TcpStream> stream, ConnectionPlace place);
    bool let_one_go() noexcept override;
    bool let_own_go() noexcept;
    void end_pools();
    void end_when_idle();
    void take_load();
    void look_for_freed_memory();
    void remember(StateFile::Urgency urgency);
    void expire() noexcept override;

    loop::Loop loop_;
    net::EventLoop event_loop_;
    const ShardSettings& settings_;
    const ShardCommons& commons_;
    const std::size_t index_;
    net::DnsResolver dns_;
    std::unique_ptr<net::Resolver> overrides_;
    net::TlsContext tls_;
    net::TcpTlsDialer dialer_;
    MemoryBudget memory_;
    origin::SessionFactory sessions_;
    PoolJournal journal_;
    pool::PoolSet pools_;
    telemetry::HttpStats http_stats_;
    telemetry::AccessLog log_;
    std::unique_ptr<Metadata> metadata_;  // if there is an endpoint to ask
    AwsKeys aws_keys_;
    proxy::Forwarder forwarder_;
    admin::StatsReporter reporter_;
    admin::StatsPages pages_;
    proxy::Denial client_denial_;
    const client::ClientLimits client_;
    const client::ClientLimits denied_client_;
    OpenConnections connections_;
    Refusals refusals_;
    loop::Watchdog tick_;
    std::size_t ticks_ = 0;
    CrowdWatch crowd_;
    bool draining_ = false;
    Deadline cut_pools_at_ = Deadline::none();
    Duration busy_{};
    TimePoint measured_at_{};
    std::atomic<double> load_{0};
    std::atomic<bool> is_asked_for_room_{false};
};

}  // namespace nikawa::daemon
