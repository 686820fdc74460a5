#include "net/openssl.hpp"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "nikawa/base/library_category.hpp"

namespace nikawa::net {
namespace {

using boost::system::error_code;

constexpr int truncated = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING);

std::string tls_message(int value) {
    const auto packed = static_cast<unsigned long>(value);
    if (value == truncated) {
        return "the connection ended without close_notify";
    }
    const char* reason = ERR_reason_error_string(packed);
    return reason != nullptr ? reason : "error " + std::to_string(value);
}

std::string certificate_message(int value) { return X509_verify_cert_error_string(value); }

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

std::runtime_error openssl_failure(const std::string& what) {
    return std::runtime_error{what + ": " + take_openssl_error().message()};
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
