#pragma once

#include <optional>

#include "nikawa/loop/loop.hpp"
#include "nikawa/net/dialer.hpp"
#include "nikawa/proxy/forwarder.hpp"

namespace nikawa::proxy {

/// A dial for one tunnel, which whoever waits for it can give up.
class TunnelDial {
public:
    /// All that is given outlives the dial, also when that has been given up.
    TunnelDial(loop::Loop& loop, net::Dialer& dialer, AbandonedDials& abandoned)
        : loop_(loop), dialer_(dialer), abandoned_(abandoned), settled_(loop) {}
    TunnelDial(const TunnelDial&) = delete;
    TunnelDial& operator=(const TunnelDial&) = delete;
    ~TunnelDial();

    /// Connects as it is, without TLS. Once. Errors: the dialer's, and what `abandon()` was given.
    Task<net::DialResult<net::Dialled>> dial(const http::Origin& target);

    /// Ends the wait with `why`; the dial goes on by itself to its end. Once too many do, whoever
    /// waits has to see the end of its own.
    void abandon(const Failure& why) noexcept;

private:
    struct Attempt;
    static Task<void> run(TunnelDial& asker, http::Origin target);

    loop::Loop& loop_;
    net::Dialer& dialer_;
    AbandonedDials& abandoned_;
    Attempt* attempt_ = nullptr;  // while it is under way
    std::optional<Failure> given_up_;
    std::optional<net::DialResult<net::Dialled>> outcome_;
    loop::Event settled_;
};

}  // namespace nikawa::proxy
