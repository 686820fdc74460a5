#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "nikawa/aws/request_signature.hpp"
#include "nikawa/base/bytes.hpp"

namespace nikawa::aws {

class Sha256;

/// Verifies and makes anew the chunk signatures of an aws-chunked body while it passes: bytes in,
/// bytes of the same number out. Nothing of a chunk comes out before its signature was found right.
class ChunkResigner {
public:
    /// `sent` is the signature that the request came with, `made` the one it goes on with.
    /// `has_trailer`: Payload::chunks_and_trailer. `signer` outlives this.
    ChunkResigner(const Signer& signer,
                  std::string sent,
                  std::string made,
                  bool has_trailer,
                  std::size_t max_chunk_bytes);
    ChunkResigner(ChunkResigner&&) noexcept;
    ~ChunkResigner();

    /// Takes the next bytes of the body; appends to `out` what may be sent on.
    /// Errors: signature_refused, signed_body_too_large; whatever is fed afterwards fails, too.
    Result<void> feed(Bytes input, std::string& out);

    /// The body has ended. Errors: signature_refused if it was cut short.
    [[nodiscard]] Result<void> finish() const;

    /// Bytes of memory in which a part of the body is held back.
    [[nodiscard]] std::size_t held_bytes() const { return held_.capacity(); }

private:
    /// What the next byte belongs to.
    enum class At : std::uint8_t {
        header,      ///< hex;chunk-signature=...
        data,        ///< of a chunk, or nothing of the last
        data_end,    ///< the line end behind it
        trailer,     ///< fields, and their signature
        end_of_all,  ///< the line end behind the trailer
        done
    };

    Result<void> take(Bytes& input, std::string& out);
    Result<void> take_header(Bytes& input, std::string& out);
    Result<void> take_data(Bytes& input, std::string& out);
    Result<void> take_line_end(Bytes& input, std::string& out);
    Result<void> take_trailer_line(Bytes& input, std::string& out);
    Result<void> end_chunk(std::string& out);
    Result<void> end_trailer(std::size_t given_bytes, std::string& out);
    Result<bool> hold_line(Bytes& input, std::size_t limit);
    void release(std::string& out);

    const Signer& signer_;
    std::string sent_;
    std::string made_;
    bool has_trailer_;
    std::size_t max_chunk_bytes_;

    At at_ = At::header;
    std::string held_;              ///< the chunk's header and data, or the trailer
    std::size_t line_at_ = 0;       ///< where in held_ its last line begins
    std::size_t signature_at_ = 0;  ///< where in held_ the signature stands
    std::size_t data_bytes_left_ = 0;
    bool is_last_ = false;             ///< the chunk is of no bytes
    std::uint8_t line_end_bytes_ = 0;  ///< of CR LF that were seen
    std::unique_ptr<Sha256> hash_;     ///< of the chunk's data, or of the trailer
    std::optional<Failure> failed_;
};

}  // namespace nikawa::aws
