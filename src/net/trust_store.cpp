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
    if (trust.get() == nullptr || X509_STORE_load_file(trust.get(), ca_file.c_str()) != 1) {
        throw openssl_failure("cannot load certification authorities from " + ca_file);
    }
    return trust;
}

TrustStore TrustStore::from_pem(const std::string& pem) {
    TrustStore trust{X509_STORE_new()};
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio{
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
    const std::unique_ptr<X509, decltype(&X509_free)> certificate{
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free};
    if (trust.get() == nullptr || certificate == nullptr ||
        X509_STORE_add_cert(trust.get(), certificate.get()) != 1) {
        throw openssl_failure("cannot use a certificate as certification authority");
    }
    return trust;
}

}  // namespace nikawa::net
