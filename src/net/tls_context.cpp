#include "nikawa/net/tls_context.hpp"

#include <openssl/x509v3.h>

#include <array>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/openssl.hpp"

namespace nikawa::net {
namespace {

// An origin's burst of dials finds one each; a server gives two with every full handshake.
constexpr std::size_t max_sessions_of_origin = 8;

// Some 10 KB each with its certificates. Beyond it an arbitrary origin pays a full handshake.
constexpr std::size_t max_origins = 1024;

constexpr std::array<unsigned char, 12> offer_both = {
    2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr auto offer_http_1_1 = std::span{offer_both}.subspan(3);

// The sessions that may be resumed, newest last, by "host:port".
class SessionCache {
public:
    void put(const std::string& key, SslSessionPtr session) {
        auto& kept = sessions_[key];
        if (kept.size() == max_sessions_of_origin) kept.erase(kept.begin());
        kept.push_back(std::move(session));
        if (sessions_.size() > max_origins) {
            const auto first = sessions_.begin();
            sessions_.erase(first->first == key ? std::next(first) : first);
        }
    }

    SslSessionPtr take(const std::string& key) {
        const auto found = sessions_.find(key);
        if (found == sessions_.end() || found->second.empty()) return nullptr;
        auto& newest = found->second.back();
        if (SSL_SESSION_get_protocol_version(newest.get()) < TLS1_3_VERSION) {
            SSL_SESSION_up_ref(newest.get());  // may serve again
            return SslSessionPtr{newest.get()};
        }
        auto session = std::move(newest);
        found->second.pop_back();
        return session;
    }

private:
    std::unordered_map<std::string, std::vector<SslSessionPtr>> sessions_;
};

int keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
    auto* cache = static_cast<SessionCache*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    cache->put(*static_cast<const std::string*>(SSL_get_app_data(ssl)), SslSessionPtr{session});
    return 1;  // the reference is ours
}

// Who the certificate must name (RFC 9110 §4.3.4), and what SNI says (RFC 6066 §3: no addresses).
bool require_name(SSL* ssl, const std::string& host) noexcept {
    X509_VERIFY_PARAM* const param = SSL_get0_param(ssl);
    if (IpAddress::parse(host)) return X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host.data(), host.size()) == 1 &&
           SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

struct TlsContext::Impl {
    SslCtxPtr ctx = make_ssl_ctx(TLS_client_method());
    SessionCache sessions;
};

TlsContext::TlsContext(const TrustStore& trust, const TlsSettings& settings)
    : impl_(std::make_unique<Impl>()) {
    SSL_CTX* const ctx = impl_->ctx.get();
    SSL_CTX_set1_cert_store(ctx, trust.get());
    SSL_CTX_set_verify(ctx, settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);

    const auto offer = settings.offer_h2 ? std::span<const unsigned char>{offer_both}
                                         : std::span<const unsigned char>{offer_http_1_1};
    if (SSL_CTX_set_alpn_protos(ctx, offer.data(), static_cast<unsigned>(offer.size())) != 0) {
        throw openssl_failure("cannot set up ALPN");
    }

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(ctx, &impl_->sessions);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
}

TlsContext::~TlsContext() = default;

std::unique_ptr<TlsStream> TlsContext::open(EventLoop& event_loop,
                                            UniqueFd fd,
                                            const Endpoint& peer,
                                            const http::Origin& origin) {
    SslPtr ssl{SSL_new(impl_->ctx.get())};
    if (!ssl || !require_name(ssl.get(), origin.host)) throw std::bad_alloc{};
    auto key = origin.host + ":" + std::to_string(origin.port);
    if (const auto session = impl_->sessions.take(key)) SSL_set_session(ssl.get(), session.get());
    SSL_set_connect_state(ssl.get());
    return std::make_unique<TlsStream>(
        event_loop, std::move(fd), peer, ssl.release(), std::move(key));
}

}  // namespace nikawa::net
