#include "nikawa/net/self_signed.hpp"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>

#include "net/openssl.hpp"
#include "nikawa/net/endpoint.hpp"

namespace nikawa::net {
namespace {

using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;

void check(bool success) {
    if (!success) throw openssl_failure("cannot make a certificate");
}

void add_extension(X509* certificate, int id, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension{X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str())};
    check(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

void set_names(X509* certificate, std::span<const std::string> names) {
    std::string alternatives;
    for (const std::string& name : names) {
        if (!alternatives.empty()) alternatives += ',';
        alternatives += (IpAddress::parse(name) ? "IP:" : "DNS:") + name;
    }
    add_extension(certificate, NID_subject_alt_name, alternatives);

    X509_NAME* const subject = X509_get_subject_name(certificate);
    const auto* common_name = reinterpret_cast<const unsigned char*>(names.front().c_str());
    check(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common_name, -1, -1, 0) == 1);
    check(X509_set_issuer_name(certificate, subject) == 1);
}

void set_serial(X509* certificate) {
    std::uint64_t serial = 0;
    check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
    check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1);
}

template <class Write>
std::string pem(Write write) {
    const BioPtr memory{BIO_new(BIO_s_mem())};
    check(memory && write(memory.get()) == 1);
    char* text = nullptr;
    const auto size = BIO_get_mem_data(memory.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace

PemIdentity make_self_signed(std::span<const std::string> names, const Validity& validity) {
    if (names.empty()) throw std::runtime_error{"a certificate needs a name"};
    const PkeyPtr key{EVP_EC_gen("P-256")};
    const X509Ptr certificate{X509_new()};
    check(key && certificate);
    check(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
    check(X509_set_pubkey(certificate.get(), key.get()) == 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), validity.from.count());
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), validity.until.count());
    set_serial(certificate.get());
    set_names(certificate.get(), names);
    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(certificate.get(), NID_ext_key_usage, "serverAuth");
    check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);

    return {pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }),
            pem([&](BIO* bio) {
                return PEM_write_bio_PrivateKey(
                    bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
}

}  // namespace nikawa::net
