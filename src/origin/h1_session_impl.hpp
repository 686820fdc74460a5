#pragma once

#include <cassert>
#include <memory>
#include <optional>
#include <string>

#include "nikawa/http/h1_body_decoder.hpp"
#include "nikawa/net/read_buffer.hpp"
#include "nikawa/origin/h1_session.hpp"
#include "origin/h1_request_writer.hpp"
#include "origin/interim_allowance.hpp"
#include "origin/stream_deadlines.hpp"

namespace nikawa::origin {

/// The session and its one stream: h1_session.cpp has what its owner, its holder's giving up and
/// the loop call, h1_response.cpp how a response is received.
///
/// `run()` is who waits for input, always. It reads for the holder only while that waits, so that
/// the pieces the holder has stay where they are and a slow one slows the origin; when something
/// comes that nobody waits for, `run()` leaves it where it is and stalls until somebody does.
class H1Session::Impl final : public OriginStream, private loop::TurnFlush {
public:
    Impl(H1Session& self, loop::Loop& loop, net::Dialled dialled, const H1SessionLimits& limits);
    ~Impl() override { assert(phase_ != Phase::leased && "a session outlives its stream"); }

    [[nodiscard]] bool is_idle() const { return phase_ == Phase::idle; }
    [[nodiscard]] bool is_leased() const { return phase_ == Phase::leased && !taken_over_; }
    [[nodiscard]] bool is_retired() const { return draining_ || ended_ || taken_over_; }
    StreamLease open(const StreamTimeouts& timeouts);
    void drain() noexcept;
    void close(const Failure& why) noexcept;
    Task<void> run(SessionListener& listener);

    [[nodiscard]] SessionEnd end_cause() const { return end_cause_; }
    [[nodiscard]] const net::ByteStream& transport() const { return *transport_; }
    void probe() noexcept;
    void call_when_heard() noexcept { tell_heard_ = true; }
    void doubt() noexcept;

    // OriginStream
    Result<void> send_head(const http::RequestHead& head,
                           const http::BodyFraming& framing) override;
    Task<Result<void>> send_body(Bytes bytes) override;
    Task<Result<void>> finish_body(Bytes bytes, const http::FieldBlock& trailers) override;
    Task<Result<http::ResponseHead*>> receive_head() override;
    [[nodiscard]] http::BodyFraming response_framing() const override { return framing_; }
    [[nodiscard]] bool has_body_ready() const override;
    Task<Result<Bytes>> receive_body() override;
    [[nodiscard]] bool was_last_piece() const override {
        return next_piece_.empty() && is_response_complete();
    }
    http::FieldBlock& response_trailers() override { return decoder_.trailers(); }
    [[nodiscard]] bool has_response_begun() const override { return response_begun_; }
    std::optional<net::TunnelEnd> take_over() override;
    void abandon(const Failure& why) noexcept override;

    const std::string address;
    TimePoint idle_since;
    TimePoint last_heard;
    bool has_answered = false;  // a request, with a head
    std::optional<Duration> advertised_idle_limit;

private:
    enum class Phase : std::uint8_t {
        idle,
        leased,
        finishing,  // released; what little is left of the response is read away
        over,       // closed and not leased
    };

    void release() noexcept override;
    void flush() noexcept override;
    void end(Failure why) noexcept;
    void note_heard() noexcept;
    void end_probe() noexcept;
    void take_input();
    void refuse_unasked() noexcept;
    bool read_more() noexcept;
    bool find_head();
    bool parse_head();
    Result<void> accept_final_head();
    Result<void> accept_switch();
    bool find_piece();
    void prepare_piece();
    void note_response() noexcept;
    void ask_for_input();
    void unstall() noexcept;
    void finish() noexcept;
    void become_idle() noexcept;

    // Whether all of the response has been read; its holder may not have had all of it yet.
    [[nodiscard]] bool is_response_complete() const { return head_complete_ && decoder_.at_end(); }
    [[nodiscard]] bool is_reusable() const {
        return !ended_ && !draining_ && keep_ && writer_.is_complete();
    }

    // Whether reading the rest of the response away is cheaper than a new connection.
    [[nodiscard]] bool is_rest_little() const {
        return decoder_.remaining().value_or(limits_.drain_bytes + 1) <= limits_.drain_bytes;
    }

    H1Session& self_;
    loop::Loop& loop_;
    const H1SessionLimits& limits_;
    std::unique_ptr<net::ByteStream> transport_;
    SessionListener* listener_ = nullptr;
    Phase phase_ = Phase::idle;
    bool draining_ = false;
    bool ended_ = false;       // the transport is closed
    bool taken_over_ = false;  // the transport is the holder's
    SessionEnd end_cause_ = SessionEnd::none;
    bool probing_ = false;
    bool tell_heard_ = false;  // the listener, once something is
    std::optional<Failure> failure_;
    StreamDeadlines deadlines_;
    H1RequestWriter writer_;

    // Input
    net::ReadBuffer input_;
    bool dry_ = true;        // the transport had no more: reading again is in vain
    bool large_ = false;     // a read has filled the small buffer: a larger one pays
    bool awaiting_ = false;  // the holder waits for `received_`, and run() has not read for it
    loop::Event received_;
    bool doubted_ = false;  // whoever waits for a head is to be told so
    bool stalled_ = false;  // there is input, and run() waits until it is wanted
    loop::Event turned_;    // for run(): it is wanted, the session has ended, or its lease has

    // Response
    bool is_head_request_ = false;
    bool is_upgrade_asked_ = false;
    http::H1HeadParser parser_;
    http::H1BodyDecoder decoder_;
    http::ResponseHead head_;
    http::BodyFraming framing_;
    InterimAllowance interim_;
    bool response_begun_ = false;
    bool head_complete_ = false;  // the final one
    bool keep_ = false;           // the origin means to go on after this response
    Bytes next_piece_;            // of the body, ahead of the holder; lies in the buffer
};

}  // namespace nikawa::origin
