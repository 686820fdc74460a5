#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "nikawa/http/host_pattern.hpp"
#include "nikawa/http/origin.hpp"
#include "nikawa/net/client_certificate.hpp"
#include "nikawa/net/endpoint.hpp"
#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/tls_stream.hpp"
#include "nikawa/net/trust_store.hpp"

namespace nikawa::net {

/// What is different with some origins.
struct TlsProfile {
    std::vector<http::HostPattern> hosts;               ///< theirs; an address matches by its text
    std::optional<TrustStore> trust = {};               ///< nothing: that of all others
    std::optional<ClientCertificate> certificate = {};  ///< nothing: we show none
};

/// How TLS to origins is done.
struct TlsSettings {
    bool verify = true;                     ///< false: any certificate will do
    bool offer_h2 = true;                   ///< ALPN offers "h2" before "http/1.1"
    std::vector<TlsProfile> profiles = {};  ///< of an origin the first one that has its host counts
};

/// What the TLS connections of one shard to origins share: whom we trust, what we show, and the
/// sessions that origins let us resume. TLS 1.2 or newer.
///
/// A session is resumed with the origin that gave it alone, so what was verified for it, and by
/// whom, holds. Keeps a few sessions for each origin, newest first; those of TLS 1.3 are used once
/// (RFC 8446 appendix C.4). It outlives its streams.
class TlsContext {
public:
    /// Throws std::runtime_error.
    TlsContext(const TrustStore& trust, const TlsSettings& settings);
    ~TlsContext();

    /// A stream that is ready for its handshake with `origin`: its name in SNI, its name or
    /// address required in the certificate. What ALPN offers is by the settings and the mode.
    std::unique_ptr<TlsStream> open(EventLoop& event_loop,
                                    UniqueFd fd,
                                    const Endpoint& peer,
                                    const http::Origin& origin,
                                    DialMode mode = DialMode::plain);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::net
