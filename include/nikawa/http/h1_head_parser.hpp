#pragma once

#include <cstddef>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/result.hpp"
#include "nikawa/http/head.hpp"

namespace nikawa::http {

/// What a head may measure.
struct HeadLimits {
    std::size_t head_bytes = std::size_t{64} * 1024;        ///< start line and fields together
    std::size_t start_line_bytes = std::size_t{16} * 1024;  ///< beyond it: target_too_long
    std::size_t fields = 256;
};

/// Reads HTTP/1.x heads, strictly: bytes in, a head out or "more needed".
///
/// The head must lie in one piece of memory. Call again with the same bytes and those that
/// followed; the parser remembers how far it has searched for the end, so bytes that trickle in
/// are not read over and over. `reset()` before the next message.
class H1HeadParser {
public:
    explicit H1HeadParser(HeadLimits limits) : limits_(limits) {}

    /// Parses a request head at the start of `input` into `head` (cleared first). Gives the number
    /// of bytes it took, 0 when more are needed. One empty line before the head is passed over
    /// (RFC 9112 §2.2).
    /// Errors (side client): bad_head, bad_version, head_too_large, target_too_long; bad_framing
    /// for lengths and codings that contradict each other, though `request_framing()` judges them.
    /// Refused: bare LF or CR, obs-fold, white space around a name, control bytes, names that are
    /// no tokens, white space and control bytes in the target, versions other than 1.0 and 1.1.
    /// (Bytes from 0x80 on pass in a target: clients send unencoded UTF-8, and it is not ours to
    /// change.)
    Result<std::size_t> parse_request(Bytes input, RequestHead& head);

    /// The same for a response head, with some leniency: a missing reason phrase is accepted with
    /// or without the space before it; obs-fold is replaced by a space (RFC 9112 §5.2); white space
    /// before a colon is taken out (§5.1); a Connection that is no list of tokens is given as
    /// `close`. Errors (side origin): malformed, response_head_too_large.
    Result<std::size_t> parse_response(Bytes input, ResponseHead& head);

    void reset() { searched_ = 0; }

private:
    HeadLimits limits_;
    std::size_t searched_ = 0;
};

}  // namespace nikawa::http
