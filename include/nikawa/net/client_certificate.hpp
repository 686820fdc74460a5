#pragma once

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace nikawa::net {

/// A certificate that shows an origin who we are, with its chain and its private key. Loaded once,
/// shared by the `TlsContext`s of all shards.
class ClientCertificate {
public:
    /// Of PEM files, which may be the same one: our certificate first and the chain behind it, and
    /// the key, without a passphrase. Throws std::runtime_error that begins with the file it is
    /// about, and holds nothing of the key.
    static ClientCertificate from_files(const std::string& certificate_file,
                                        const std::string& key_file);

    /// Has `ctx`, a client's, show it. Throws std::runtime_error.
    void use_in(ssl_ctx_st* ctx) const;

private:
    struct Loaded;

    explicit ClientCertificate(std::shared_ptr<const Loaded> loaded);

    // Shared because shards outlive each other in any order; read only, and OpenSSL locks it.
    std::shared_ptr<const Loaded> loaded_;
};

}  // namespace nikawa::net
