#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/result.hpp"
#include "nikawa/http/body_framing.hpp"
#include "nikawa/http/h1_head_parser.hpp"

namespace nikawa::http {

/// Whether a field may stand in a trailer section: not what frames or routes the message, what its
/// recipient must know before the content, or what only concerns one connection
/// (RFC 9110 §6.5.1).
bool may_be_trailer(const Field& field);

/// Takes the framing off an HTTP/1.x body (RFC 9112 §6, §7): a state machine over bytes that
/// neither copies nor keeps the body.
class H1BodyDecoder {
public:
    /// What one step found at the start of its input.
    struct Step {
        std::size_t taken = 0;  ///< bytes of the input that are done with, `data` among them
        Bytes data;             ///< body bytes, a view into the input; may be empty
    };

    /// `side` is who sends the body: whose fault a failure is (bad_framing of a client, malformed
    /// of an origin). `trailer_limits` bound the trailer section.
    H1BodyDecoder(Side side, HeadLimits trailer_limits)
        : side_(side), trailer_limits_(trailer_limits) {}

    /// Begins a body.
    void start(BodyFraming framing);

    /// Reads on, to the end of the next piece of data and of the framing after it. When `taken` is
    /// 0 and the end is not reached, more input is needed: call again with these bytes and those
    /// that followed. Never takes bytes beyond the body's end.
    /// A chunk's size that is padded with blanks passes in a response alone: an origin's slip,
    /// where a client's could be read in two ways. Errors: bad_framing or malformed; chunk
    /// extensions of more than 256 bytes in a chunk or 16 KiB in a message are refused (RFC 9112
    /// §7.1.1).
    Result<Step> decode(Bytes input);

    /// The peer has closed. Fine for a body that lasts until then.
    /// Errors: client_gone (side client) or peer_closed (side origin) when the body was cut short.
    Result<void> end_of_input();

    [[nodiscard]] bool at_end() const { return state_ == State::end; }

    /// Body bytes still to come, when that is known: what draining it would cost.
    [[nodiscard]] std::optional<std::uint64_t> remaining() const;

    /// The fields of the trailer section that may stand there; complete once `at_end()`.
    [[nodiscard]] FieldBlock& trailers() { return trailers_; }

private:
    enum class State : std::uint8_t {
        sized,
        until_close,
        chunk_head,
        chunk_data,
        chunk_end,
        trailers,
        end,
    };

    /// How much of `input` is framing of the kind that the state expects: 0 when it is not all
    /// there yet.
    Result<std::size_t> read_framing(Bytes input);
    Result<std::size_t> read_chunk_head(Bytes input);
    Result<std::size_t> read_chunk_end(Bytes input);
    Result<std::size_t> read_trailer_line(Bytes input);
    [[nodiscard]] bool keep_trailers();

    /// The body bytes at the start of `input`.
    Bytes take_data(Bytes input);
    [[nodiscard]] bool expects_data() const;
    [[nodiscard]] Failure broken() const;

    Side side_;
    HeadLimits trailer_limits_;
    State state_ = State::end;
    std::uint64_t left_ = 0;           // of the body when sized, else of the chunk
    std::size_t extension_bytes_ = 0;  // of all chunks so far
    std::string trailer_section_;
    FieldBlock trailers_;
};

}  // namespace nikawa::http
