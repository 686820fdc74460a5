#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nikawa/pool/pool_listener.hpp"

namespace nikawa::daemon {

/// Puts what becomes of the sessions to origins into lines of the diagnostic log: all of it for who
/// debugs, and once for each origin that the operator named why it did not get warm at the start.
class PoolJournal final : public pool::PoolListener {
public:
    using Tell = void (*)(std::string_view line);

    /// `debug` may be nullptr: then nobody wants to know that much.
    PoolJournal(Tell warn, Tell debug) : warn_(warn), debug_(debug) {}

    /// It is to be told if the first dial to one of these fails.
    void warn_of(const std::vector<http::Origin>& pinned) { unreached_ = pinned; }

    void dialled(const http::Origin& origin,
                 pool::DialReason reason,
                 const net::IpAddress& address,
                 const net::DialTimes& times) noexcept override;
    void dial_failed(const http::Origin& origin,
                     pool::DialReason reason,
                     const net::DialFailure& why,
                     Duration took) noexcept override;
    void session_ended(const http::Origin& origin,
                       pool::DialReason why,
                       const net::IpAddress& address,
                       Duration age,
                       std::size_t exchanges) noexcept override;

private:
    Tell warn_;
    Tell debug_;
    std::vector<http::Origin> unreached_;  // at the start, as far as that is known
};

}  // namespace nikawa::daemon
