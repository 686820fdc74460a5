#include "nikawa/net/tls_server_context.hpp"

#include <openssl/pem.h>

#include <new>

#include "net/openssl.hpp"

namespace nikawa::net {
namespace {

BioPtr memory_of(const std::string& text) {
    return BioPtr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

int select_protocol(SSL* /*ssl*/,
                    const unsigned char** chosen,
                    unsigned char* chosen_size,
                    const unsigned char* offered,
                    unsigned offered_size,
                    void* ours) noexcept {
    const auto& preferred = *static_cast<const std::string*>(ours);
    unsigned char* found = nullptr;
    const int result =
        SSL_select_next_proto(&found,
                              chosen_size,
                              reinterpret_cast<const unsigned char*>(preferred.data()),
                              static_cast<unsigned>(preferred.size()),
                              offered,
                              offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

struct TlsServerContext::Impl {
    SslCtxPtr ctx = make_ssl_ctx(TLS_server_method());
    std::string protocols;  // as ALPN writes them, each after its length
};

TlsServerContext::TlsServerContext(const PemIdentity& identity,
                                   const std::vector<Protocol>& protocols)
    : impl_(std::make_unique<Impl>()) {
    SSL_CTX* const ctx = impl_->ctx.get();
    const X509Ptr certificate{
        PEM_read_bio_X509(memory_of(identity.certificate).get(), nullptr, nullptr, nullptr)};
    const PkeyPtr key{
        PEM_read_bio_PrivateKey(memory_of(identity.key).get(), nullptr, nullptr, nullptr)};
    if (!certificate || !key || SSL_CTX_use_certificate(ctx, certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key.get()) != 1) {
        throw openssl_failure("cannot use the certificate");
    }
    for (const Protocol protocol : protocols) {
        impl_->protocols += protocol == Protocol::http_2 ? "\x02h2" : "\x08http/1.1";
    }
    SSL_CTX_set_alpn_select_cb(ctx, select_protocol, &impl_->protocols);
}

TlsServerContext::~TlsServerContext() = default;

ssl_ctx_st* TlsServerContext::native_handle() noexcept { return impl_->ctx.get(); }

std::unique_ptr<TlsStream> TlsServerContext::open(EventLoop& event_loop, UniqueFd fd) {
    const auto peer = peer_of(fd.get()).value_or(Endpoint{});
    SslPtr ssl{SSL_new(impl_->ctx.get())};
    if (!ssl) throw std::bad_alloc{};
    SSL_set_accept_state(ssl.get());
    return std::make_unique<TlsStream>(event_loop, std::move(fd), peer, ssl.release(), "");
}

}  // namespace nikawa::net
