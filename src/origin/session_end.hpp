#pragma once

#include <boost/system/errc.hpp>

#include "nikawa/base/failure.hpp"
#include "nikawa/origin/origin_session.hpp"

namespace nikawa::origin {

/// Why a session ended whose transport ended with `error` while it had no stream. Origins hang up
/// by a reset, or without TLS's close_notify, too; only silence is no hanging up.
inline SessionEnd end_while_idle(const boost::system::error_code& error) {
    namespace errc = boost::system::errc;
    const bool is_path_lost = error == errc::timed_out || error == errc::host_unreachable ||
                              error == errc::network_unreachable;
    return is_path_lost ? SessionEnd::broken : SessionEnd::idle_closed;
}

/// Why an HTTP/1.1 session ended, by how its stream failed: a request that it could not begin to
/// send, or a byte that nobody asked for, shows that the origin had closed before.
inline SessionEnd end_by(const Failure& why) {
    if (why.code == Errc::stream_refused) return end_while_idle(why.cause);
    return why.side == Side::origin ? SessionEnd::broken : SessionEnd::ours;
}

}  // namespace nikawa::origin
