#pragma once

#include <memory>

#include "nikawa/origin/h1_session.hpp"
#include "nikawa/origin/h2_session.hpp"

namespace nikawa::origin {

/// A session that is ready for its first request, and what it took to make it.
struct DialledSession {
    std::unique_ptr<OriginSession> session;
    net::DialTimes times;
    net::IpAddress address;  ///< of the origin's end
    bool resumed = false;    ///< by a TLS session of before
};

/// The pool's only way to a session: dials the origin and wraps the connection by the protocol
/// that ALPN chose.
class SessionFactory {
public:
    struct Limits {
        H1SessionLimits h1;
        H2Limits h2;
    };

    /// All that is given outlives every session made.
    SessionFactory(loop::Loop& loop, net::Dialer& dialer, Limits limits);

    /// Errors: those of `net::Dialer::dial()`.
    Task<net::DialResult<DialledSession>> dial(const http::Origin& origin, net::DialMode mode);

    /// What knows the origin's names and addresses.
    [[nodiscard]] net::Dialer& dialer() const { return dialer_; }

private:
    // A turn's reading is handed on before the next, so one buffer serves every HTTP/2 session.
    static constexpr std::size_t scratch_bytes = 64 * 1024;

    loop::Loop& loop_;
    net::Dialer& dialer_;
    Limits limits_;
    std::unique_ptr<char[]> scratch_;
};

}  // namespace nikawa::origin
