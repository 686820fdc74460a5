#include "nikawa/net/trust_store.hpp"

#include <openssl/pem.h>

#include "net/openssl.hpp"

namespace nikawa::net {

TrustStore::TrustStore(x509_store_st* store) : store_(store, X509_STORE_free) {}

TrustStore TrustStore::system() {
    TrustStore trust{X509_STORE_new()};
    if (trust.get() == nullptr || X509_STORE_set_default_paths(trust.get()) != 1) {
        throw openssl_failure("cannot load the system's certification authorities");
    }
    return trust;
}

TrustStore TrustStore::from_file(const std::string& ca_file) {
    TrustStore trust{X509_STORE_new()};
    for (const X509Ptr& certificate : read_certificates(ca_file)) trust.believe(certificate.get());
    return trust;
}

TrustStore TrustStore::from_pem(const std::string& pem) {
    TrustStore trust{X509_STORE_new()};
    const BioPtr bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    const X509Ptr certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
    trust.believe(certificate.get());
    return trust;
}

// What the operator names is believed by itself: it need not be a root (of a chain, or at all).
void TrustStore::believe(x509_st* certificate) {
    const bool works = get() != nullptr && certificate != nullptr &&
                       X509_STORE_set_flags(get(), X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                       X509_STORE_add_cert(get(), certificate) == 1;
    if (!works) throw openssl_failure("cannot use a certificate as certification authority");
}

}  // namespace nikawa::net
