#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/h2_request.hpp"
#include "client/h2_reset.hpp"
#include "client/timed_event.hpp"
#include "nikawa/client/client_connection.hpp"
#include "nikawa/http/receive_window.hpp"
#include "nikawa/http/received_body.hpp"

namespace nikawa::client {

/// What an exchange needs of its connection; keeps nghttp2 out of the exchange.
class H2Frames {
public:
    virtual void submit_interim(std::int32_t stream, const http::ResponseHead& head) = 0;
    /// Queues the HEADERS of the final response; a body follows if `has_body`. False when the
    /// library does not take them.
    virtual bool submit_response(std::int32_t stream,
                                 const http::ResponseHead& head,
                                 bool has_body) = 0;
    /// The exchange has bytes of the response, or their end, that it lacked before.
    virtual void resume_sending(std::int32_t stream) = 0;
    /// The client may have `window` bytes under way or unread on the stream, which holds `unread`
    /// of them.
    virtual void offer(std::int32_t stream, std::size_t window, std::size_t unread) = 0;
    /// The exchange hears no more of the stream.
    virtual void reset(std::int32_t stream, H2Reset why) = 0;
    /// The connection takes no more requests, and ends when those in progress are done.
    virtual void leave() = 0;

protected:
    ~H2Frames() = default;
};

/// One HTTP/2 stream of a client. Upper half: what its handler pulls and sends (ClientExchange).
/// Lower half: what the connection pushes, from within nghttp2's callbacks; it records and
/// notifies, and never resumes anyone.
class H2Exchange final : public ClientExchange {
public:
    H2Exchange(loop::Loop& loop,
               H2Frames& frames,
               const ClientLimits& limits,
               std::string_view client_address);

    /// Makes it ready for the request on that stream.
    void start(std::int32_t stream);

    // Upper half
    http::RequestHead& head() override { return request_.head(); }
    [[nodiscard]] const http::BodyFraming& request_framing() const override { return framing_; }
    [[nodiscard]] std::string_view client_address() const override { return client_address_; }
    [[nodiscard]] TimePoint started_at() const override { return started_at_; }
    Task<Result<Bytes>> receive_body() override;
    [[nodiscard]] bool was_last_piece() const override {
        return end_received_ && received_.is_empty() && !failure_ && !receive_failure_;
    }
    void ask_for_body() override;
    void interrupt_receive() noexcept override;
    http::FieldBlock& request_trailers() override { return trailers_; }
    Task<Result<void>> send_interim(const http::ResponseHead& head) override;
    void begin_response(const http::ResponseHead& head, const http::BodyFraming& framing) override;
    Task<Result<void>> flush() override;
    Task<Result<void>> send_body(Bytes bytes) override;
    Task<Result<void>> finish_response(Bytes bytes, const http::FieldBlock& trailers) override;
    void close_after_response() override { frames_.leave(); }
    [[nodiscard]] bool has_response_begun() const override { return state_ != State::before_head; }
    void break_off(const Failure& why) noexcept override;
    void watch_client(net::PeerCloseListener* listener) override;
    [[nodiscard]] Failure why_gone() const override {
        return failure_.value_or(ClientExchange::why_gone());
    }
    [[nodiscard]] std::uint64_t request_bytes() const override { return request_bytes_; }
    [[nodiscard]] std::uint64_t response_bytes() const override { return response_bytes_; }

    /// Its handler has returned: leaves the stream, if that is not over. A client that still sends
    /// after a whole response is listened to for a while: many take a reset for the end of all, and
    /// do not look at the response.
    Task<void> end();

    // Lower half: the request
    void take_field(Bytes name, Bytes value);
    /// False when there is too much of them.
    [[nodiscard]] bool take_trailer(Bytes name, Bytes value);
    void end_head(bool is_end);
    void take_data(Bytes data);
    void take_end();
    /// Why the request is to be refused, if it is; once its head has ended, or its stream before a
    /// handler had it.
    [[nodiscard]] const std::optional<Failure>& refusal() const { return refusal_; }

    // Lower half: the response
    /// How many bytes of the body, at most `room`, can be framed now.
    [[nodiscard]] std::size_t sendable(std::size_t room) const;
    /// Appends the next `size` bytes of the body to `out`.
    void move_body_to(std::string& out, std::size_t size);
    /// Whether the end follows after `size` more bytes, and whether by a trailer section.
    enum class BodyEnd : std::uint8_t { open, here, before_trailers };
    [[nodiscard]] BodyEnd end_after(std::size_t size) const;
    /// The trailers to queue.
    [[nodiscard]] const http::FieldBlock& trailers_to_send() const { return *trailers_out_; }
    /// A head of ours, interim or final, that does not end the message is among the bytes that
    /// leave.
    void note_head_sent();
    /// Our END_STREAM is among the bytes that leave.
    void note_end_sent();

    /// The stream is over, by whatever; `failure` unless all of both messages have passed.
    void closed(const std::optional<Failure>& failure);
    /// Tells who watches the client that it is gone; not below a callback.
    void tell_gone() noexcept;

    [[nodiscard]] bool is_request_complete() const { return end_received_; }
    [[nodiscard]] bool is_gone() const { return failure_.has_value(); }
    [[nodiscard]] std::int32_t stream() const { return stream_; }

    bool is_running = false;     ///< a handler has it
    std::size_t live_index = 0;  ///< its place in the connection's list

private:
    enum class State : std::uint8_t { before_head, head_held, body, ended, complete, broken };

    [[nodiscard]] bool prepare_body(Bytes& bytes);
    void submit_interim(const http::ResponseHead& head);
    void send_head(bool has_body);
    void ask_for_more();
    Task<void> skip_rest_of_body();
    void leave(H2Reset why) noexcept;
    void fail(const Failure& failure);
    Task<Result<void>> wait_until_sent();
    void expect_to_be_read() {
        sent_.expect_by(Deadline::after(loop_.now(), limits_.write_timeout));
    }
    [[nodiscard]] bool is_all_sent() const {
        if (interim_heads_out_ > 0) return false;
        return state_ == State::ended ? end_sent_ : outgoing_.empty();
    }

    loop::Loop& loop_;
    H2Frames& frames_;
    const ClientLimits& limits_;
    std::string_view client_address_;
    std::int32_t stream_ = 0;  // 0: not there any more
    TimePoint started_at_{};
    std::optional<Failure> failure_;  // of the stream: the client can no longer be served
    net::PeerCloseListener* listener_ = nullptr;

    // Request
    H2Request request_;
    http::BodyFraming framing_;
    std::optional<Failure> refusal_;
    std::optional<Failure> receive_failure_;  // the rest of the body is not read any more
    http::FieldBlock trailers_;
    http::ReceivedBody received_;
    http::ReceiveWindow window_;
    TimedEvent receivable_;
    bool is_interrupted_ = false;
    bool is_skipping_ = false;
    bool end_received_ = false;
    bool owes_continue_ = false;
    std::uint64_t request_bytes_ = 0;

    // Response
    State state_ = State::before_head;
    bool end_sent_ = false;
    std::size_t interim_heads_out_ = 0;  // queued behind what the client has not taken yet
    http::ResponseHead response_;        // while it is held
    bool has_no_body_ = false;
    std::optional<std::uint64_t> left_;  // of a body of known length
    Bytes outgoing_;
    const http::FieldBlock* trailers_out_ = nullptr;
    TimedEvent sent_;
    std::uint64_t response_bytes_ = 0;
};

}  // namespace nikawa::client
