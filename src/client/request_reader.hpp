#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "client/inactivity.hpp"
#include "nikawa/client/client_connection.hpp"
#include "nikawa/http/h1_body_decoder.hpp"
#include "nikawa/http/h1_head_parser.hpp"
#include "nikawa/net/read_buffer.hpp"

namespace nikawa::client {

/// The reading half of a connection: heads and bodies of one request after the other, taken from
/// one buffer, so that what a pipelining client has sent ahead waits there.
class RequestReader {
public:
    /// How far the head of the next request is.
    enum class HeadState {
        complete,   ///< `head()` and `framing()` stand
        need_more,  ///< wait until there is something to read
        refused,    ///< `failure()` says why
        http_2,     ///< the connection begins with HTTP/2's preface; `take_buffer()` has it
        gone,       ///< the client has ended or cut the connection
    };

    RequestReader(loop::Loop& loop,
                  net::ByteStream& stream,
                  Inactivity& inactivity,
                  const ClientLimits& limits);

    /// Begins with a head; the bytes that are there already may be all of it.
    HeadState begin_request();

    /// Goes on with the head: reads what is there.
    HeadState read_head();

    /// Ends the head for good because its time is up.
    HeadState refuse_head(Errc code);

    /// Whether nothing of the next head has come; an empty line is nothing (RFC 9112 §2.2).
    [[nodiscard]] bool is_between_requests() const;

    [[nodiscard]] http::RequestHead& head() { return head_; }
    [[nodiscard]] const http::BodyFraming& framing() const { return framing_; }
    /// Whether the request could not be read to its end; then `failure()` says why.
    [[nodiscard]] bool has_failed() const { return failure_.has_value(); }
    [[nodiscard]] const Failure& failure() const { return *failure_; }
    [[nodiscard]] TimePoint started_at() const { return started_at_; }

    /// See ClientExchange; `deadline` is that of a wait for input.
    Task<Result<Bytes>> receive_body(Deadline deadline);
    /// The wait that is under way, if one is, has no end any more.
    void wait_without_deadline();
    void interrupt_receive() noexcept;
    [[nodiscard]] http::FieldBlock& trailers() { return decoder_.trailers(); }
    [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }

    [[nodiscard]] bool is_body_read() const { return decoder_.at_end(); }
    [[nodiscard]] std::optional<std::uint64_t> body_remaining() const {
        return decoder_.remaining();
    }

    /// Whether bytes wait that belong to what is not read yet.
    [[nodiscard]] bool has_input() const { return !buffer_.unread().empty(); }

    /// What waits, and is nobody's from now on; gives the buffer back.
    std::string take_unread();

    /// What was read, for whoever reads on in its place.
    net::ReadBuffer take_buffer() { return std::exchange(buffer_, {}); }

    /// Gives back the read buffer, unless something waits in it. Cheap enough to be done between
    /// any two requests, so that thousands of idle connections share the buffers of the busy ones.
    void release_input() {
        if (!has_input()) buffer_.release();
    }

    /// Gives back what the last exchange needed.
    void release_memory();

private:
    HeadState parse_head();
    HeadState refuse(const Failure& failure);
    std::optional<Failure> check_head();
    net::IoResult read(std::size_t capacity);
    [[nodiscard]] std::size_t body_capacity() const;
    Result<Bytes> decode_body();

    loop::Loop& loop_;
    net::ByteStream& stream_;
    Inactivity& inactivity_;
    const ClientLimits& limits_;
    net::ReadBuffer buffer_;
    http::H1HeadParser parser_;
    http::RequestHead head_;
    http::BodyFraming framing_;
    http::H1BodyDecoder decoder_;
    std::optional<Failure> failure_;  // once set, nothing of this request is read any more
    TimePoint started_at_{};
    std::uint64_t body_bytes_ = 0;
    Deadline body_deadline_ = Deadline::none();
    bool is_dry_ = true;    // the last read emptied the source: waiting comes before reading
    bool is_first_ = true;  // nothing but HTTP/2's preface has begun to come, if anything
    bool is_waiting_ = false;
    bool is_interrupted_ = false;
};

}  // namespace nikawa::client
