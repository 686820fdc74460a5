#include "net/session_cache.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nikawa::net {
namespace {

// An origin's burst of dials finds one each; a server gives two with every full handshake.
constexpr std::size_t max_sessions_of_origin = 8;

// Some 10 KB each with its certificates. Beyond it an arbitrary origin pays a full handshake.
constexpr std::size_t max_origins = 1024;

constexpr std::time_t max_lifetime = std::time_t{7} * 24 * 3600;  // RFC 8446 §4.6.1, seconds

bool is_single_use(const SSL_SESSION* session) noexcept {
    return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

// Seconds. A hint of zero is none in TLS 1.2 (RFC 5077 §3.3), and discards a ticket of TLS 1.3.
std::time_t lifetime_of(const SSL_SESSION* session) noexcept {
    const auto hint = SSL_SESSION_get_ticket_lifetime_hint(session);
    const auto hinted = static_cast<std::time_t>(std::min<unsigned long>(hint, max_lifetime));
    if (is_single_use(session)) return hinted;
    const std::time_t ours = SSL_SESSION_get_timeout(session);
    return hinted == 0 ? ours : std::min(ours, hinted);
}

bool may_resume(const SSL_SESSION* session, std::time_t now) noexcept {
    const std::time_t age = now - SSL_SESSION_get_time(session);
    return SSL_SESSION_is_resumable(session) == 1 && age >= 0 && age < lifetime_of(session);
}

// A session that resumed another keeps that one's protocol, even if the server now chose anew.
void note_protocol(SSL* ssl, SSL_SESSION* session) noexcept {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &name, &size);
    SSL_SESSION_set1_alpn_selected(session, name, size);
}

int keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
    note_protocol(ssl, session);
    session_cache_of(ssl)->put(*static_cast<const std::string*>(SSL_get_app_data(ssl)),
                               SslSessionPtr{session});
    return 1;  // the reference is ours
}

}  // namespace

void SessionCache::put(const std::string& key, SslSessionPtr session) {
    auto& kept = sessions_[key];
    if (kept.size() == max_sessions_of_origin) kept.erase(kept.begin());
    kept.push_back(std::move(session));
    if (sessions_.size() > max_origins) {
        const auto first = sessions_.begin();
        sessions_.erase(first->first == key ? std::next(first) : first);
    }
}

SslSessionPtr SessionCache::take(const std::string& key, std::time_t now) {
    const auto found = sessions_.find(key);
    if (found == sessions_.end()) return nullptr;
    auto& kept = found->second;
    while (!kept.empty() && !may_resume(kept.back().get(), now)) kept.pop_back();
    if (kept.empty()) {
        sessions_.erase(found);
        return nullptr;
    }
    if (!is_single_use(kept.back().get())) {
        SSL_SESSION_up_ref(kept.back().get());
        return SslSessionPtr{kept.back().get()};
    }
    auto session = std::move(kept.back());
    kept.pop_back();
    return session;
}

void SessionCache::forget(const std::string& key) { sessions_.erase(key); }

SessionCache* session_cache_of(SSL* ssl) noexcept {
    return static_cast<SessionCache*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

void keep_sessions(SSL_CTX* ctx, SessionCache& cache) noexcept {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(ctx, &cache);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
}

}  // namespace nikawa::net
