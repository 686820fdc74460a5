#pragma once

#include <chrono>
#include <span>
#include <string>

namespace nikawa::net {

/// A certificate and its private key as PEM text.
struct PemIdentity {
    std::string certificate;
    std::string key;
};

/// When a certificate is valid, counted from now; negative is in the past.
struct Validity {
    std::chrono::seconds from = std::chrono::hours{-1};
    std::chrono::seconds until = std::chrono::hours{24};
};

/// Makes a self-signed ECDSA P-256 certificate for these names and IP addresses (the first also
/// becomes its subject). Who trusts it puts it into the CA file. Throws std::runtime_error.
PemIdentity make_self_signed(std::span<const std::string> names, const Validity& validity = {});

}  // namespace nikawa::net
