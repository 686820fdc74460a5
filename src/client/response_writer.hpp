#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/inactivity.hpp"
#include "nikawa/base/result.hpp"
#include "nikawa/http/h1_writer.hpp"

namespace nikawa::client {

/// The writing half of a connection: the responses to one request after the other. What it is told
/// leaves in as few writes as can be, body bytes straight from where they lie.
class ResponseWriter {
public:
    ResponseWriter(loop::Loop& loop,
                   net::ByteStream& stream,
                   Inactivity& inactivity,
                   Duration write_timeout);

    /// What the request says about its response.
    struct Request {
        http::Version version = http::Version::http_1_1;
        bool is_head = false;  ///< its response has no body (RFC 9110 §9.3.2)
    };
    void begin_request(Request request);

    /// 100 Continue, at once; does not wait when the client reads nothing.
    void send_continue();
    Task<Result<void>> send_interim(const http::ResponseHead& head);

    /// How the end of a response with that framing is shown to this client.
    [[nodiscard]] http::BodyFraming framing_for(const http::ResponseHead& head,
                                                const http::BodyFraming& framing) const;

    /// `framing` is what `framing_for()` gave.
    void begin_response(const http::ResponseHead& head,
                        const http::BodyFraming& framing,
                        http::Persistence persistence);
    Task<Result<void>> flush() { return write({}, {}); }

    /// A head behind which nothing is a response any more: as it is, at once.
    Task<Result<void>> send_last_head(const http::ResponseHead& head);
    Task<Result<void>> send_body(Bytes bytes);
    Task<Result<void>> finish_response(Bytes bytes, const http::FieldBlock& trailers);

    /// The client sends, and so is not gone: it may have its reasons not to read yet.
    void note_request_moved() {
        if (is_blocked_) expect_to_be_read();
    }

    /// Cuts the connection so that nobody takes the response for whole.
    void break_off() noexcept;

    [[nodiscard]] bool has_begun() const { return state_ != State::before_head; }

    /// Whether bytes wait for the client to take what came before them.
    [[nodiscard]] bool is_blocked() const { return is_blocked_; }

    /// Whether the whole response has left.
    [[nodiscard]] bool is_complete() const { return state_ == State::complete; }
    [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }

    /// Gives back the memory that only an exchange needs.
    void release_memory();

private:
    enum class State : std::uint8_t { before_head, body, ended, complete, broken };

    Task<Result<void>> write(Bytes data, Bytes tail);
    bool prepare_body(Bytes& bytes);
    void note_sent(std::size_t bytes, Bytes& data, Bytes& tail);
    void expect_to_be_read();
    [[nodiscard]] Bytes unsent_heads() const { return Bytes{heads_}.substr(heads_sent_); }
    void fail(const Failure& failure) noexcept;

    loop::Loop& loop_;
    net::ByteStream& stream_;
    Inactivity& inactivity_;
    Duration write_timeout_;
    Request request_;
    State state_ = State::before_head;
    http::BodyFraming framing_;
    http::Version received_ = http::Version::http_1_1;  // how the response came to us
    std::uint64_t left_ = 0;                            // of a sized body
    std::string heads_;  // what goes before the next body bytes: heads and a chunk's first line
    std::size_t heads_sent_ = 0;
    bool is_blocked_ = false;
    Deadline deadline_ = Deadline::none();  // of the write that is under way
    std::string tail_;                      // the last chunk
    std::optional<Failure> failure_;
    std::uint64_t body_bytes_ = 0;
};

}  // namespace nikawa::client
