#include "nikawa/net/tls_context.hpp"

#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <new>
#include <string>

#include "net/openssl.hpp"
#include "net/session_cache.hpp"

namespace nikawa::net {
namespace {

constexpr std::array<unsigned char, 12> offer_both = {
    2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr auto offer_http_1_1 = std::span{offer_both}.subspan(3);

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

    keep_sessions(ctx, impl_->sessions);
}

TlsContext::~TlsContext() = default;

std::unique_ptr<TlsStream> TlsContext::open(EventLoop& event_loop,
                                            UniqueFd fd,
                                            const Endpoint& peer,
                                            const http::Origin& origin) {
    SslPtr ssl{SSL_new(impl_->ctx.get())};
    if (!ssl || !require_name(ssl.get(), origin.host)) throw std::bad_alloc{};
    auto key = origin.host + ":" + std::to_string(origin.port);
    if (const auto session = impl_->sessions.take(key, std::time(nullptr)))
        SSL_set_session(ssl.get(), session.get());
    SSL_set_connect_state(ssl.get());
    return std::make_unique<TlsStream>(
        event_loop, std::move(fd), peer, ssl.release(), std::move(key));
}

}  // namespace nikawa::net
