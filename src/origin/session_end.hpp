#pragma once

#include <boost/system/errc.hpp>

#include "nikawa/base/failure.hpp"
#include "nikawa/net/tls_alert.hpp"
#include "nikawa/origin/origin_session.hpp"

namespace nikawa::origin {

/// Why a session ended whose transport ended with `error` while it had no stream. Origins hang up
/// by a reset, or without TLS's close_notify, too; silence is no hanging up, nor is a failure of
/// TLS.
inline SessionEnd end_while_idle(const boost::system::error_code& error) {
    namespace errc = boost::system::errc;
    const bool is_path_lost = error == errc::timed_out || error == errc::host_unreachable ||
                              error == errc::network_unreachable;
    return is_path_lost || net::is_tls_error(error) ? SessionEnd::broken : SessionEnd::idle_closed;
}

/// What streams hear when the transport has ended or failed with `error`. Over TLS 1.3 an origin
/// says behind the handshake that it does not take our certificate (RFC 8446 §4.4.2.4).
inline Failure failure_of_transport(const boost::system::error_code& error) {
    const auto code = net::is_tls_error(error) ? Errc::tls_failed : Errc::peer_closed;
    return {code, Side::origin, error};
}

/// Why an HTTP/1.1 session ended, by how its stream failed: a request that it could not begin to
/// send, or a byte that nobody asked for, shows that the origin had closed before.
inline SessionEnd end_by(const Failure& why) {
    if (why.code == Errc::stream_refused) return end_while_idle(why.cause);
    return why.side == Side::origin ? SessionEnd::broken : SessionEnd::ours;
}

}  // namespace nikawa::origin
