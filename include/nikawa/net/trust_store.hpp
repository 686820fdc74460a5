#pragma once

#include <memory>
#include <string>

struct x509_st;
struct x509_store_st;

namespace nikawa::net {

/// The certification authorities that we believe. Loaded once, for reading a bundle takes 50 ms and
/// most of a megabyte; shared by the `TlsContext`s of all shards.
class TrustStore {
public:
    /// The system's authorities. Throws std::runtime_error.
    static TrustStore system();

    /// Those in a PEM file, and no others: roots, or certificates by them that are to be believed
    /// without them. Throws std::runtime_error that begins with the file's name.
    static TrustStore from_file(const std::string& ca_file);

    /// One certificate, given in PEM. Throws std::runtime_error.
    static TrustStore from_pem(const std::string& pem);

    [[nodiscard]] x509_store_st* get() const noexcept { return store_.get(); }

private:
    explicit TrustStore(x509_store_st* store);
    void believe(x509_st* certificate);

    // Shared because shards outlive each other in any order; read only, and OpenSSL locks it.
    std::shared_ptr<x509_store_st> store_;
};

}  // namespace nikawa::net
