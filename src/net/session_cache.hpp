#pragma once

#include <ctime>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/openssl.hpp"

namespace nikawa::net {

/// The TLS sessions that origins let us resume, a few for each; those of TLS 1.3 are used once
/// (RFC 8446 appendix C.4), and none after its lifetime.
///
/// Keys are whatever names an origin. Times are the wall clock's, which sessions are stamped with.
class SessionCache {
public:
    void put(const std::string& key, SslSessionPtr session);

    /// The newest session that may be resumed at `now`; nullptr if there is none.
    SslSessionPtr take(const std::string& key, std::time_t now);

    /// Drops the origin's sessions: what came of them was no good.
    void forget(const std::string& key);

private:
    std::unordered_map<std::string, std::vector<SslSessionPtr>> sessions_;  // newest last
};

/// The cache of the client's context that made `ssl`; nullptr if that is a server's.
SessionCache* session_cache_of(SSL* ssl) noexcept;

/// Makes `ctx`, a client's, put its sessions into `cache` by the key that is the application data
/// of each SSL, a `std::string`.
void keep_sessions(SSL_CTX* ctx, SessionCache& cache) noexcept;

}  // namespace nikawa::net
