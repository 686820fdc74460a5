#pragma once

#include <boost/system/error_code.hpp>
#include <optional>
#include <string_view>

namespace nikawa::net {

/// What a peer of TLS says when it gives up (RFC 8446 §6.2).
struct TlsAlert {
    unsigned id;            ///< as in the registry of TLS alerts: 116
    std::string_view name;  ///< in words, "certificate required"; lives for ever
};

/// The alert by which the peer ended the handshake or the connection; nothing when `error`, of a
/// `TlsStream`, is another. Over TLS 1.3 it may come with the first read, for a server judges our
/// certificate when our side of the handshake is over.
std::optional<TlsAlert> received_alert(const boost::system::error_code& error) noexcept;

/// Whether it was TLS that failed, and not the connection below it, nor an end without
/// close_notify.
bool is_tls_error(const boost::system::error_code& error) noexcept;

/// Whether it was that end: the peer has closed the connection, and said nothing before.
bool is_truncation(const boost::system::error_code& error) noexcept;

}  // namespace nikawa::net
