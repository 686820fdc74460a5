#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "nikawa/http/h1_writer.hpp"
#include "nikawa/net/byte_stream.hpp"
#include "origin/stream_deadlines.hpp"

namespace nikawa::origin {

/// The sending half of an HTTP/1.1 session: one request after the other. A head and a small body
/// leave in one write at the end of the turn, a large one straight from where it lies.
class H1RequestWriter final : private loop::TurnFlush {
public:
    /// All that is given outlives the writer; `stream` is whose requests these are, and is
    /// abandoned when one cannot be sent.
    H1RequestWriter(loop::Loop& loop,
                    net::ByteStream& transport,
                    OriginStream& stream,
                    StreamDeadlines& deadlines);

    /// Forgets the request before.
    void start();

    void send_head(const http::RequestHead& head, const http::BodyFraming& framing);
    Task<Result<void>> send_body(Bytes bytes);
    Result<void> finish_body(const http::FieldBlock& trailers);

    /// Sends nothing more of this request; its sender gets `outcome`.
    void stop(Result<void> outcome) noexcept;

    /// The same for good: the transport is closed.
    void close(const Failure& why) noexcept;

    /// Suspends until nothing of the writer waits any more; after `close()`.
    Task<void> join();

    /// Whether the transport has been given nothing of this request.
    [[nodiscard]] bool is_untouched() const { return !touched_; }

    /// Whether the transport has taken the whole request.
    [[nodiscard]] bool is_complete() const { return complete_ && !has_unsent(); }

private:
    void flush() noexcept override { write(); }
    void write() noexcept;
    void note_taken(std::size_t bytes) noexcept;
    void wait_for_room();
    void give_up(const boost::system::error_code& error) noexcept;
    Failure refuse_body();
    Task<void> write_on();

    [[nodiscard]] Bytes unsent_queue() const { return Bytes{queued_}.substr(queue_taken_); }
    [[nodiscard]] bool has_unsent() const {
        return queue_taken_ < queued_.size() || !data_.empty() || !tail_.empty();
    }

    loop::Loop& loop_;
    net::ByteStream& transport_;
    OriginStream& stream_;
    StreamDeadlines& deadlines_;

    // What is to leave, in this order
    std::string queued_;
    std::size_t queue_taken_ = 0;
    Bytes data_;  // the sender's, who waits meanwhile
    Bytes tail_;

    bool chunked_ = false;
    http::Version received_ = http::Version::http_1_1;  // how the request came to us
    std::uint64_t announced_ = 0;  // Content-Length still to come
    bool complete_ = false;        // all of the request was given to us
    bool touched_ = false;
    bool begun_ = false;                // the transport has taken some of it
    std::optional<Result<void>> over_;  // nothing more is sent
    loop::Event taken_;

    bool blocked_ = false;  // write_on() waits for room and then writes
    bool closed_ = false;
    bool running_ = false;  // write_on()
    loop::Event turned_;    // for write_on(): blocked or closed
    loop::Event ended_;     // write_on()
};

}  // namespace nikawa::origin
