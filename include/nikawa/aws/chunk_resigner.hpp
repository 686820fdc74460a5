#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "nikawa/aws/request_signature.hpp"
#include "nikawa/base/bytes.hpp"

namespace nikawa::aws {

/// Verifies and makes anew the chunk signatures of an aws-chunked body while it passes: bytes in,
/// bytes of the same number out. Nothing of a chunk comes out before its signature was found right.
class ChunkResigner {
public:
    /// `sent` is the signature that the request came with, `made` the one it goes on with.
    /// `has_trailer`: Payload::chunks_and_trailer.
    ChunkResigner(const Signer& signer,
                  std::string sent,
                  std::string made,
                  bool has_trailer,
                  std::size_t max_chunk_bytes);

    /// Takes the next bytes of the body; appends to `out` what may be sent on.
    /// Errors: signature_refused, signed_body_too_large; nothing more may be fed afterwards.
    Result<void> feed(Bytes input, std::string& out);

    /// The body has ended. Errors: signature_refused if it was cut short.
    [[nodiscard]] Result<void> finish() const;

    /// Bytes that are held back.
    [[nodiscard]] std::size_t held_bytes() const { return held_.capacity(); }

private:
    const Signer& signer_;
    std::string sent_;
    std::string made_;
    bool has_trailer_;
    std::size_t max_chunk_bytes_;
    std::string held_;
};

}  // namespace nikawa::aws
