#pragma once

#include <cstddef>

#include "nikawa/http/origin.hpp"
#include "nikawa/net/dialer.hpp"
#include "nikawa/pool/dial_reason.hpp"

namespace nikawa::pool {

/// Told what becomes of the sessions of pools, for the eyes of the operator; nothing of single
/// exchanges. It is called in the middle of what they do, and does nothing to them.
class PoolListener {
public:
    virtual ~PoolListener() = default;

    /// A session was made, for that reason.
    virtual void dialled(const http::Origin& origin,
                         DialReason reason,
                         const net::IpAddress& address,
                         const net::DialTimes& times) noexcept = 0;

    /// A dial that was made for that reason came to nothing, after that time.
    virtual void dial_failed(const http::Origin& origin,
                             DialReason reason,
                             const net::DialFailure& why,
                             Duration took) noexcept = 0;

    /// A session takes no more streams. `why` is what a dial in its place is made for; `age` counts
    /// from its making.
    virtual void session_ended(const http::Origin& origin,
                               DialReason why,
                               const net::IpAddress& address,
                               Duration age,
                               std::size_t exchanges) noexcept = 0;
};

}  // namespace nikawa::pool
