#include "nikawa/proxy/forwarder.hpp"

#include "proxy/exchange_run.hpp"

namespace nikawa::proxy {

Forwarder::Forwarder(loop::Loop& loop,
                     const ForwarderSettings& settings,
                     pool::PoolSet& pools,
                     telemetry::AccessLog& log,
                     RequestIdSource ids,
                     WallClock wall_clock,
                     MemoryBudget& memory,
                     CredentialSource* credentials)
    : loop_(loop),
      settings_(settings),
      pools_(pools),
      log_(log),
      ids_(ids),
      wall_clock_(wall_clock),
      memory_(memory),
      credentials_(credentials) {}

MutableBytes Forwarder::tunnel_scratch() {
    constexpr std::size_t bytes = 64 * 1024;
    if (!tunnel_scratch_) tunnel_scratch_ = std::make_unique_for_overwrite<char[]>(bytes);
    return {tunnel_scratch_.get(), bytes};
}

Task<void> Forwarder::handle(client::ClientExchange& exchange) {
    ExchangeRun run{*this, exchange};
    co_await run.forward();
}

Task<void> Forwarder::refuse(client::ClientExchange& exchange, const Failure& failure) {
    ExchangeRun run{*this, exchange};
    co_await run.refuse(failure);
}

}  // namespace nikawa::proxy
