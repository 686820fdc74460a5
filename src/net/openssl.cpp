#include "net/openssl.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <optional>
#include <string_view>
#include <utility>

#include "nikawa/base/library_category.hpp"
#include "nikawa/net/tls_alert.hpp"

namespace nikawa::net {
namespace {

using boost::system::error_code;

constexpr int truncated = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING);

// OpenSSL has an error for each alert: "tlsv13 alert certificate required", "tlsv1 unrecognized
// name".
std::optional<TlsAlert> alert_of(int value) noexcept {
    const auto packed = static_cast<unsigned long>(value);
    constexpr int alert_ids = 256;
    const int id = ERR_GET_REASON(packed) - SSL_AD_REASON_OFFSET;
    if (ERR_GET_LIB(packed) != ERR_LIB_SSL || id < 0 || id >= alert_ids) return std::nullopt;
    const char* const reason = ERR_reason_error_string(packed);
    std::string_view name = reason != nullptr ? reason : "of an unknown kind";
    if (name.starts_with("tlsv") || name.starts_with("ssl")) name.remove_prefix(name.find(' ') + 1);
    if (name.starts_with("alert ")) name.remove_prefix(name.find(' ') + 1);
    return TlsAlert{static_cast<unsigned>(id), name};
}

std::string tls_message(int value) {
    const auto packed = static_cast<unsigned long>(value);
    if (value == truncated) {
        return "the connection ended without close_notify";
    }
    if (const auto alert = alert_of(value)) {
        return "TLS alert " + std::to_string(alert->id) + ": " + std::string{alert->name};
    }
    const char* const reason = ERR_reason_error_string(packed);
    std::string text = reason != nullptr ? reason : "error " + std::to_string(value);
    if (ERR_GET_REASON(packed) == SSL_R_WRONG_VERSION_NUMBER) text += "; it seems not to speak TLS";
    return text;
}

std::string certificate_message(int value) {
    std::string text = X509_verify_cert_error_string(value);
    switch (value) {
        case X509_V_ERR_HOSTNAME_MISMATCH: return text + ": it does not name the origin's host";
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return text + ": it does not name the origin's address as an address";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
            return text +
                   ": its issuer is not trusted, or the origin does not send the whole chain";
        default: return text;
    }
}

const LibraryCategory tls_category{"tls", tls_message};
const LibraryCategory certificate_category{"certificate", certificate_message};

Protocol protocol_named(const unsigned char* name, std::size_t size) noexcept {
    const bool is_h2 = Bytes{reinterpret_cast<const char*>(name), size} == "h2";
    return is_h2 ? Protocol::http_2 : Protocol::http_1_1;
}

// One read takes four full records; the buffer exists only while it holds something.
constexpr std::size_t read_buffer_bytes = 64 * 1024;

}  // namespace

error_code take_openssl_error() noexcept {
    const auto packed = ERR_get_error();
    ERR_clear_error();
    if (ERR_SYSTEM_ERROR(packed)) {
        return {ERR_GET_REASON(packed), boost::system::system_category()};
    }
    return {static_cast<int>(packed), tls_category};
}

error_code certificate_error(long verify_result) noexcept {
    return {static_cast<int>(verify_result), certificate_category};
}

error_code truncated_error() noexcept { return {truncated, tls_category}; }

Protocol chosen_protocol(const SSL* ssl) noexcept {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &name, &size);
    return protocol_named(name, size);
}

Protocol chosen_protocol(const SSL_SESSION* session) noexcept {
    const unsigned char* name = nullptr;
    std::size_t size = 0;
    SSL_SESSION_get0_alpn_selected(session, &name, &size);
    return protocol_named(name, size);
}

std::optional<TlsAlert> received_alert(const error_code& error) noexcept {
    if (error.category() != tls_category) return std::nullopt;
    return alert_of(error.value());
}

bool is_truncation(const error_code& error) noexcept { return error == truncated_error(); }

bool is_tls_error(const error_code& error) noexcept {
    if (is_truncation(error)) return false;
    return error.category() == tls_category || error.category() == certificate_category;
}

std::runtime_error openssl_failure(const std::string& what) {
    return std::runtime_error{what + ": " + take_openssl_error().message()};
}

BioPtr open_pem_file(const std::string& file) {
    BioPtr bio{BIO_new_file(file.c_str(), "re")};
    // A directory can be opened, and that it cannot be read does not come through the functions of
    // PEM.
    char first = 0;
    if (!bio || BIO_read(bio.get(), &first, 1) < 0) throw pem_failure(file, "", "");
    BIO_reset(bio.get());
    return bio;
}

std::runtime_error pem_failure(const std::string& file,
                               const std::string& what,
                               const std::string& label) {
    const auto first = ERR_peek_error();
    const auto problem = take_openssl_error();
    if (problem.category() == boost::system::system_category()) {
        return std::runtime_error{file + ": cannot be read: " + problem.message()};
    }
    const auto reason = ERR_GET_REASON(first);
    // Of a key the decoders say only that there is none for what the file holds.
    const bool is_other = reason == ERR_R_UNSUPPORTED ||
                          (ERR_GET_LIB(first) == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE);
    if (is_other) {
        return std::runtime_error{file + ": holds no " + what +
                                  "; it must be a PEM file with lines -----BEGIN " + label +
                                  "-----"};
    }
    return std::runtime_error{file + ": a " + what + " in it is damaged: " + problem.message()};
}

std::vector<X509Ptr> read_certificates(const std::string& file) {
    const BioPtr bio = open_pem_file(file);
    const auto no_passphrase = [](char*, int, int, void*) { return -1; };
    std::vector<X509Ptr> certificates;
    for (;;) {
        X509Ptr next{PEM_read_bio_X509_AUX(bio.get(), nullptr, no_passphrase, nullptr)};
        if (!next) break;
        certificates.push_back(std::move(next));
    }
    const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (certificates.empty() || !is_end) throw pem_failure(file, "certificate", "CERTIFICATE");
    ERR_clear_error();
    return certificates;
}

SslCtxPtr make_ssl_ctx(const SSL_METHOD* method) {
    SslCtxPtr ctx{SSL_CTX_new(method)};
    if (!ctx || SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION) != 1) {
        throw openssl_failure("cannot set up TLS");
    }
    SSL_CTX_set_options(ctx.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                         SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx.get(), 1);
    SSL_CTX_set_default_read_buffer_len(ctx.get(), read_buffer_bytes);
    return ctx;
}

}  // namespace nikawa::net
