#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/system/error_code.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "nikawa/net/dialer.hpp"

namespace nikawa::net {

template <auto free_function>
struct FreeWith {
    template <class T>
    void operator()(T* object) const noexcept {
        free_function(object);
    }
};

using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, FreeWith<SSL_SESSION_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

/// What OpenSSL's error queue says first; empties it.
boost::system::error_code take_openssl_error() noexcept;

/// Why a certificate was rejected, of X509_V_ERR_*.
boost::system::error_code certificate_error(long verify_result) noexcept;

/// The connection ended without close_notify.
boost::system::error_code truncated_error() noexcept;

/// What ALPN chose, in this handshake or in that of the session; HTTP/1.1 if it chose nothing.
Protocol chosen_protocol(const SSL* ssl) noexcept;
Protocol chosen_protocol(const SSL_SESSION* session) noexcept;

/// For start-up: `what` and the reason OpenSSL gives. Empties its error queue.
std::runtime_error openssl_failure(const std::string& what);

/// A file of PEM texts to read from. Throws std::runtime_error.
BioPtr open_pem_file(const std::string& file);

/// Why the next text, a `what` between lines -----BEGIN `label`-----, could not be read from the
/// file, of OpenSSL's error queue, which it empties: for an operator.
std::runtime_error pem_failure(const std::string& file,
                               const std::string& what,
                               const std::string& label);

/// All certificates of a PEM file, one at least; whatever else it holds is passed over. Throws
/// std::runtime_error that begins with the file's name.
std::vector<X509Ptr> read_certificates(const std::string& file);

/// A context of ours, of either side: TLS 1.2 or newer, few and big reads, little memory while
/// idle. Throws std::runtime_error.
SslCtxPtr make_ssl_ctx(const SSL_METHOD* method);

}  // namespace nikawa::net
