#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "nikawa/base/bytes.hpp"
#include "nikawa/http/body_framing.hpp"

namespace nikawa::http {

/// Appends an HTTP/1.1 request head. The fields stand as they are; `Transfer-Encoding: chunked` is
/// added when that is the framing (a Content-Length is the caller's, among the fields). Of what
/// came over HTTP/2 names are written in Canonical-Case, and a method that means content gets
/// `Content-Length: 0` when it has none (RFC 9110 §8.6). TE is left out.
void append_request_head(std::string& out, const RequestHead& head, const BodyFraming& framing);

/// What a response head says about the connection it is sent on (RFC 9112 §9.3).
enum class Persistence : std::uint8_t { keep_alive, close };

/// Appends an HTTP/1.1 response head for a client that spoke `client`: adds Transfer-Encoding,
/// or a Content-Length that is not there, by the framing, and Connection where `client`'s version
/// needs it said. Field names that came over HTTP/2 (all lower case) are written in Canonical-Case.
/// An empty reason gets its standard phrase.
void append_response_head(std::string& out,
                          const ResponseHead& head,
                          const BodyFraming& framing,
                          Version client,
                          Persistence persistence);

/// The line before a chunk's data: its size in hexadecimal and CRLF. The data and a CRLF follow.
class ChunkHead {
public:
    explicit ChunkHead(std::uint64_t data_bytes);
    [[nodiscard]] Bytes bytes() const { return {text_.data(), size_}; }

private:
    std::array<char, 20> text_;
    std::size_t size_;
};

/// Appends the last chunk and the trailer section (RFC 9112 §7.1.2).
/// Names that were `received` over HTTP/2 are written in Canonical-Case.
void append_last_chunk(std::string& out, const FieldBlock& trailers, Version received);

}  // namespace nikawa::http
