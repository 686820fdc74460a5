#pragma once

#include "nikawa/client/client_exchange.hpp"

namespace nikawa::proxy {

/// The `RequestHandler` of a connection that is not served: its first request, whatever it is, gets
/// the answer to one failure and a line in the log, and the connection ends. Nothing of the request
/// is looked at.
class Denial final : public client::RequestHandler {
public:
    /// `answerer` turns the failure into the answer; it outlives the denial.
    Denial(client::RequestHandler& answerer, const Failure& failure)
        : answerer_(answerer), failure_(failure) {}

    Task<void> handle(client::ClientExchange& exchange) override { return deny(exchange); }
    Task<void> refuse(client::ClientExchange& exchange, const Failure& /*failure*/) override {
        return deny(exchange);
    }

private:
    Task<void> deny(client::ClientExchange& exchange) {
        exchange.close_after_response();
        return answerer_.refuse(exchange, failure_);
    }

    client::RequestHandler& answerer_;
    const Failure failure_;
};

}  // namespace nikawa::proxy
