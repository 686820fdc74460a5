#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nikawa/http/receive_window.hpp"
#include "nikawa/http/received_body.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/origin/h2_session.hpp"
#include "nikawa/origin/origin_stream.hpp"
#include "origin/interim_allowance.hpp"
#include "origin/stream_deadlines.hpp"

namespace nikawa::origin {

class H2Stream;

/// What a stream needs of its session; keeps nghttp2 out of the stream.
class H2Connection {
public:
    /// Gives the stream its id and queues its HEADERS; a body follows if `has_body`.
    virtual Result<std::int32_t> submit(H2Stream& stream,
                                        const http::RequestHead& head,
                                        bool has_body) = 0;
    /// The stream has request bytes, or their end, that it lacked before.
    virtual void resume_sending(std::int32_t stream_id) = 0;
    virtual void submit_trailers(std::int32_t stream_id, const http::FieldBlock& trailers) = 0;
    /// The origin may have `window` bytes under way or unread on the stream, which holds `unread`
    /// of them.
    virtual void offer(std::int32_t stream_id, std::size_t window, std::size_t unread) = 0;
    /// The most that any window may be now.
    [[nodiscard]] virtual std::size_t largest_window() const = 0;
    /// RST_STREAM(CANCEL); the stream hears no more of the session.
    virtual void reset(std::int32_t stream_id) = 0;
    /// A stream was brought forward by an interim head.
    virtual void note_interim() = 0;
    /// The holder is done with the stream.
    virtual void released(H2Stream& stream) noexcept = 0;

protected:
    ~H2Connection() = default;
};

/// One HTTP/2 stream: what arrived for it and what it has to send. Upper half: the holder's pull
/// (OriginStream). Lower half: the session's push, from within nghttp2's callbacks; it records and
/// notifies, and never resumes anyone.
class H2Stream final : public OriginStream {
public:
    H2Stream(loop::Loop& loop, H2Connection& connection, const H2Limits& limits);

    /// Makes a stream that was released ready for its next request.
    void start(const StreamTimeouts& timeouts);

    // Upper half
    Result<void> send_head(const http::RequestHead& head,
                           const http::BodyFraming& framing) override;
    Task<Result<void>> send_body(Bytes bytes) override;
    Task<Result<void>> finish_body(Bytes bytes, const http::FieldBlock& trailers) override;
    Task<Result<http::ResponseHead*>> receive_head() override;
    [[nodiscard]] http::BodyFraming response_framing() const override { return framing_; }
    [[nodiscard]] bool has_body_ready() const override;
    Task<Result<Bytes>> receive_body() override;
    [[nodiscard]] bool was_last_piece() const override { return end_received_ && body_.is_empty(); }
    http::FieldBlock& response_trailers() override { return trailers_; }
    [[nodiscard]] bool has_response_begun() const override { return response_begun_; }
    void abandon(const Failure& why) noexcept override;

    /// Wakes its holder from waiting for a head, if it does and nothing of one came.
    void doubt() noexcept;

    // Lower half: the response
    void begin_head();
    enum class Taken : std::uint8_t { yes, refused };
    /// A field of the head or trailer section that is arriving, `:status` among them.
    Taken take_field(Bytes name, Bytes value);
    void end_head(bool end_of_stream);
    void take_data(Bytes data);
    void take_end();
    /// What the origin may send on it has changed: offers it more if that is too little.
    void renew_offer();

    // Lower half: the request body
    /// How many bytes of the body, at most `room`, can be framed now.
    [[nodiscard]] std::size_t sendable(std::size_t room) const;
    /// Appends the next `size` bytes of the body to `out`.
    void move_body_to(std::string& out, std::size_t size);
    /// Whether the end follows after `size` more bytes, and whether by a trailer section.
    enum class BodyEnd : std::uint8_t { open, here, before_trailers };
    [[nodiscard]] BodyEnd end_after(std::size_t size) const;
    /// The trailers to queue; the stream is done with them.
    const http::FieldBlock& trailers_to_send();

    /// The session has nothing more for this stream: it is complete, or has failed.
    void closed(std::optional<Failure> failure);

    /// Whether it is on the wire, as far as we know.
    [[nodiscard]] bool is_open() const { return id_ != 0; }
    [[nodiscard]] std::int32_t id() const { return id_; }
    /// Whether it never was.
    [[nodiscard]] bool is_unsent() const { return !submitted_; }
    /// The request leaves after the origin's SETTINGS have come, and so within its limits.
    void note_settings_seen() { settings_seen_ = true; }
    [[nodiscard]] bool keeps_to_settings() const { return settings_seen_; }
    /// Whether the whole response arrived.
    [[nodiscard]] bool is_complete() const { return head_complete_ && end_received_; }

    std::size_t live_index = 0;  ///< its place in the session's list

private:
    void release() noexcept override;
    void let_go() noexcept;
    void fail(const Failure& failure);
    void keep_interim();
    void drop_oldest_interim();
    void ask_for_more();
    Task<Result<void>> wait_until_queued();
    [[nodiscard]] bool is_all_queued() const {
        return outgoing_.empty() && request_trailers_ == nullptr;
    }
    [[nodiscard]] bool has_head() const {
        return !interim_.empty() || head_complete_ || failure_.has_value();
    }

    loop::Loop& loop_;
    H2Connection& connection_;
    const H2Limits& limits_;
    loop::Event received_;
    bool doubted_ = false;  // whoever waits for a head is to be told so
    loop::Event sent_;
    StreamDeadlines deadlines_;
    std::int32_t id_ = 0;  // 0: not on the wire, or no longer
    bool submitted_ = false;
    bool settings_seen_ = false;  // when it was submitted
    std::optional<Failure> failure_;

    // Request
    bool is_head_request_ = false;
    std::optional<std::uint64_t> announced_;  // Content-Length still to be sent
    Bytes outgoing_;
    bool request_complete_ = false;
    const http::FieldBlock* request_trailers_ = nullptr;

    // Response
    enum class Section : std::uint8_t { head, trailers };
    Section section_ = Section::head;
    bool response_begun_ = false;
    bool head_complete_ = false;  // the final head is there
    bool end_received_ = false;
    std::size_t section_bytes_ = 0;
    std::size_t section_fields_ = 0;
    http::ResponseHead head_;
    struct Interim {
        http::ResponseHead head;
        std::size_t bytes;  // as heads are measured
    };
    std::vector<Interim> interim_;   // not given yet
    std::size_t interim_bytes_ = 0;  // of these
    InterimAllowance interim_allowance_;
    http::ResponseHead given_interim_;
    http::BodyFraming framing_;
    std::optional<std::uint64_t> response_left_;  // of a body whose length is known
    bool lingering_ = false;                      // released; only the end of the response is due
    http::FieldBlock trailers_;
    http::ReceivedBody body_;
    http::ReceiveWindow window_;
};

}  // namespace nikawa::origin
