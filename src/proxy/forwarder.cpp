#include "nikawa/proxy/forwarder.hpp"

#include "proxy/exchange_run.hpp"

namespace nikawa::proxy {

Forwarder::Forwarder(loop::Loop& loop,
                     const ForwarderSettings& settings,
                     pool::PoolSet& pools,
                     telemetry::AccessLog& log,
                     RequestIdSource ids,
                     WallClock wall_clock,
                     MemoryBudget& memory)
    : loop_(loop),
      settings_(settings),
      pools_(pools),
      log_(log),
      ids_(ids),
      wall_clock_(wall_clock),
      memory_(memory) {}

Task<void> Forwarder::handle(client::ClientExchange& exchange) {
    ExchangeRun run{*this, exchange};
    co_await run.forward();
}

Task<void> Forwarder::refuse(client::ClientExchange& exchange, const Failure& failure) {
    ExchangeRun run{*this, exchange};
    co_await run.refuse(failure);
}

}  // namespace nikawa::proxy
