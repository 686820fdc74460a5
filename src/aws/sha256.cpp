#include "aws/sha256.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstdlib>
#include <new>

#include "nikawa/aws/request_signature.hpp"

namespace nikawa::aws {
namespace {

// Nothing here fails but for want of memory, or of an OpenSSL that has SHA-256.
void require(bool succeeded) {
    if (!succeeded) throw std::bad_alloc{};
}

// OpenSSL 3 looks an algorithm up by name each time that it is asked for one, which takes longer
// than a short hash; ours are looked up once, and are never given back.
const EVP_MD* sha256() {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    require(algorithm != nullptr);
    return algorithm;
}

// An HMAC that knows its hash already; each of ours begins as a copy.
EVP_MAC_CTX* hmac_sha256() {
    static EVP_MAC_CTX* const prepared = [] {
        EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
        EVP_MAC_CTX* const context = EVP_MAC_CTX_new(algorithm);
        require(context != nullptr);
        char name[] = "SHA256";
        const OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
            OSSL_PARAM_construct_end()};
        require(EVP_MAC_CTX_set_params(context, parameters) == 1);
        return context;
    }();
    return prepared;
}

const unsigned char* octets(std::string_view bytes) {
    // OpenSSL takes a null key for "the same as before".
    static constexpr unsigned char none = 0;
    return bytes.empty() ? &none : reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::string hex_of(const Digest& digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * digest.size());
    for (const unsigned char byte : digest) {
        text.push_back(digits[byte >> 4]);
        text.push_back(digits[byte & 15]);
    }
    return text;
}

std::string_view bytes_of(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    require(context_ != nullptr && EVP_DigestInit_ex2(context_.get(), sha256(), nullptr) == 1);
}

void Sha256::update(std::string_view bytes) {
    require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
    Digest digest;
    require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    require(EVP_DigestInit_ex2(context_.get(), sha256(), nullptr) == 1);
    return digest;
}

void HmacSha256::Free::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

HmacSha256::HmacSha256() : context_(EVP_MAC_CTX_dup(hmac_sha256())) {
    require(context_ != nullptr);
}

Digest HmacSha256::of(std::string_view key, std::string_view bytes) {
    Digest digest;
    std::size_t size = 0;
    require(EVP_MAC_init(context_.get(), octets(key), key.size(), nullptr) == 1);
    require(EVP_MAC_update(context_.get(), octets(bytes), bytes.size()) == 1);
    require(EVP_MAC_final(context_.get(), digest.data(), &size, digest.size()) == 1);
    return digest;
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hex_of(hash.finish());
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace nikawa::aws
