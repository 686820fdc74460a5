#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct evp_mac_ctx_st;
struct evp_md_ctx_st;

namespace nikawa::aws {

using Digest = std::array<unsigned char, 32>;

/// Lower-case hexadecimal digits.
std::string hex_of(const Digest& digest);

/// The bytes of a digest, as the key of an HMAC or what one is of.
std::string_view bytes_of(const Digest& digest);

/// SHA-256 of what comes in pieces.
class Sha256 {
public:
    Sha256();

    void update(std::string_view bytes);

    /// The digest of all since the last call; begins anew.
    Digest finish();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };

    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// HMAC-SHA-256 (RFC 2104); one object for several of them saves making a context for each.
class HmacSha256 {
public:
    HmacSha256();

    Digest of(std::string_view key, std::string_view bytes);

private:
    struct Free {
        void operator()(evp_mac_ctx_st* context) const;
    };

    std::unique_ptr<evp_mac_ctx_st, Free> context_;
};

}  // namespace nikawa::aws
