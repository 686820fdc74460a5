#include "nikawa/net/tls_context.hpp"

#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <deque>
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
    X509_VERIFY_PARAM_set_hostflags(
        param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, host.data(), host.size()) == 1 &&
           SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

// For one connection, in place of what its context offers.
bool offer(SSL* ssl, std::span<const unsigned char> protocols) noexcept {
    return SSL_set_alpn_protos(ssl, protocols.data(), static_cast<unsigned>(protocols.size())) == 0;
}

}  // namespace

struct TlsContext::Impl {
    // What the connections to some origins share.
    struct Profile {
        std::vector<http::HostPattern> hosts;
        SslCtxPtr ctx = make_ssl_ctx(TLS_client_method());
        SessionCache sessions = {};
    };

    void add(const TlsProfile& profile, const TrustStore& trust, const TlsSettings& settings) {
        auto& added = profiles.emplace_back(Profile{.hosts = profile.hosts});
        SSL_CTX* const ctx = added.ctx.get();
        SSL_CTX_set1_cert_store(ctx, profile.trust.value_or(trust).get());
        SSL_CTX_set_verify(ctx, settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
        if (profile.certificate) profile.certificate->use_in(ctx);

        const auto offered = settings.offer_h2 ? std::span<const unsigned char>{offer_both}
                                               : std::span<const unsigned char>{offer_http_1_1};
        if (SSL_CTX_set_alpn_protos(ctx, offered.data(), static_cast<unsigned>(offered.size())) !=
            0) {
            throw openssl_failure("cannot set up ALPN");
        }
        keep_sessions(ctx, added.sessions);
    }

    Profile& profile_of(const std::string& host) {
        const auto found = std::ranges::find_if(profiles, [&](const Profile& profile) {
            return std::ranges::any_of(profile.hosts,
                                       [&](const auto& pattern) { return pattern.matches(host); });
        });
        return found == profiles.end() ? profiles.back() : *found;
    }

    std::deque<Profile> profiles;  // they stay where they are; the last one is everybody else's
};

TlsContext::TlsContext(const TrustStore& trust, const TlsSettings& settings)
    : impl_(std::make_unique<Impl>()) {
    for (const TlsProfile& profile : settings.profiles) impl_->add(profile, trust, settings);
    impl_->add(TlsProfile{}, trust, settings);
}

TlsContext::~TlsContext() = default;

std::unique_ptr<TlsStream> TlsContext::open(EventLoop& event_loop,
                                            UniqueFd fd,
                                            const Endpoint& peer,
                                            const http::Origin& origin,
                                            DialMode mode) {
    Impl::Profile& profile = impl_->profile_of(origin.host);
    SslPtr ssl{SSL_new(profile.ctx.get())};
    if (!ssl || !require_name(ssl.get(), origin.host)) throw std::bad_alloc{};
    auto key = origin.host + ":" + std::to_string(origin.port);
    if (mode == DialMode::http_1_1) {
        if (!offer(ssl.get(), offer_http_1_1)) throw std::bad_alloc{};
        key += "/http/1.1";  // a session is good for early data in its own protocol alone
    }
    if (const auto session = profile.sessions.take(key, std::time(nullptr)))
        SSL_set_session(ssl.get(), session.get());
    SSL_set_connect_state(ssl.get());
    return std::make_unique<TlsStream>(
        event_loop, std::move(fd), peer, ssl.release(), std::move(key));
}

}  // namespace nikawa::net
