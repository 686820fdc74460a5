#include "nikawa/net/client_certificate.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>
#include <vector>

#include "net/openssl.hpp"

namespace nikawa::net {
namespace {

PkeyPtr read_private_key(const std::string& file) {
    const BioPtr bio = open_pem_file(file);
    bool is_encrypted = false;
    const auto note_passphrase = [](char*, int, int, void* is_asked) {
        *static_cast<bool*>(is_asked) = true;
        return -1;
    };
    PkeyPtr key{PEM_read_bio_PrivateKey(bio.get(), nullptr, note_passphrase, &is_encrypted)};
    if (key) return key;
    if (is_encrypted) {
        ERR_clear_error();
        throw std::runtime_error{file +
                                 ": the private key is encrypted, and there is nobody to ask for "
                                 "its passphrase; store it without one: openssl pkey -in OLD -out "
                                 "NEW"};
    }
    throw pem_failure(file, "usable private key", "PRIVATE KEY");
}

}  // namespace

struct ClientCertificate::Loaded {
    std::vector<X509Ptr> certificates;  // ours, then its chain
    PkeyPtr key;
};

ClientCertificate::ClientCertificate(std::shared_ptr<const Loaded> loaded)
    : loaded_(std::move(loaded)) {}

ClientCertificate ClientCertificate::from_files(const std::string& certificate_file,
                                                const std::string& key_file) {
    auto loaded = std::make_shared<Loaded>();
    loaded->certificates = read_certificates(certificate_file);
    loaded->key = read_private_key(key_file);
    if (X509_check_private_key(loaded->certificates.front().get(), loaded->key.get()) != 1) {
        ERR_clear_error();
        throw std::runtime_error{key_file + ": the private key is not that of the certificate in " +
                                 certificate_file +
                                 ", which must come first in its file, before its chain"};
    }
    ClientCertificate certificate{std::move(loaded)};
    try {
        certificate.use_in(make_ssl_ctx(TLS_client_method()).get());
    } catch (const std::runtime_error& error) {
        throw std::runtime_error{certificate_file + ": " + error.what()};
    }
    return certificate;
}

void ClientCertificate::use_in(ssl_ctx_st* ctx) const {
    const auto& all = loaded_->certificates;
    bool works = SSL_CTX_use_certificate(ctx, all.front().get()) == 1 &&
                 SSL_CTX_use_PrivateKey(ctx, loaded_->key.get()) == 1;
    for (std::size_t i = 1; i < all.size(); ++i) {
        works = works && SSL_CTX_add1_chain_cert(ctx, all[i].get()) == 1;
    }
    if (!works) throw openssl_failure("the certificate cannot be used");
}

}  // namespace nikawa::net
