#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

#include "nikawa/access/port_ranges.hpp"
#include "nikawa/access/target_rules.hpp"
#include "nikawa/base/memory_budget.hpp"
#include "nikawa/client/client_exchange.hpp"
#include "nikawa/mapping/host_mapper.hpp"
#include "nikawa/pool/pool_set.hpp"
#include "nikawa/proxy/credential_source.hpp"
#include "nikawa/proxy/request_id.hpp"
#include "nikawa/proxy/rewrite.hpp"
#include "nikawa/telemetry/access_log.hpp"

namespace nikawa::proxy {

struct ForwarderSettings {
    mapping::HostRules host_rules;
    Identity identity;
    std::optional<http::Origin> fixed_origin;      ///< --upstream: all goes there, Host is kept
    const access::TargetRules* targets = nullptr;  ///< outlives the forwarder; nullptr: all may be
    Duration acquire_timeout{};                    ///< zero: no limit
    std::size_t aws_max_chunk = 16 * 1024 * 1024;  ///< see aws::ChunkResigner
    std::size_t aws_max_body = 1024 * 1024;        ///< of a body that is held to be hashed
    access::PortRanges connect_ports;              ///< that CONNECT may name; none: no CONNECT
    Duration tunnel_timeout{};                     ///< of silence both ways; zero: no limit
    std::size_t replay_bytes = 64 * 1024;          ///< of a request body kept for a second attempt
};

/// How many dials of tunnels go on in a shard for nobody, and may: each holds descriptors, and who
/// began it no longer counts among the clients.
struct AbandonedDials {
    std::size_t count = 0;
    static constexpr std::size_t most = 64;
};

/// Runs each exchange from the mapping to the last byte and its line in the access log.
class Forwarder final : public client::RequestHandler {
public:
    using WallClock = std::chrono::system_clock::time_point (*)();

    /// All that is given outlives the forwarder, and that every exchange. `memory` is where bodies
    /// are counted: while it is full no exchange begins. `credentials` may be nullptr: then no AWS
    /// key is known.
    Forwarder(loop::Loop& loop,
              const ForwarderSettings& settings,
              pool::PoolSet& pools,
              telemetry::AccessLog& log,
              RequestIdSource ids,
              WallClock wall_clock,
              MemoryBudget& memory,
              CredentialSource* credentials = nullptr);

    Task<void> handle(client::ClientExchange& exchange) override;
    Task<void> refuse(client::ClientExchange& exchange, const Failure& failure) override;

private:
    friend class ExchangeRun;
    [[nodiscard]] MutableBytes tunnel_scratch();

    loop::Loop& loop_;
    const ForwarderSettings& settings_;
    pool::PoolSet& pools_;
    telemetry::AccessLog& log_;
    RequestIdSource ids_;
    WallClock wall_clock_;
    MemoryBudget& memory_;
    CredentialSource* credentials_;
    AbandonedDials abandoned_dials_;
    std::unique_ptr<char[]> tunnel_scratch_;  // once there is a tunnel; all read to it
};

}  // namespace nikawa::proxy
