#pragma once

#include <memory>
#include <string>
#include <vector>

#include "h2/callbacks.hpp"
#include "h2/output.hpp"
#include "h2/session.hpp"
#include "nikawa/http/flood_guard.hpp"
#include "nikawa/origin/h2_session.hpp"
#include "origin/h2_stream.hpp"

namespace nikawa::origin {

/// The session itself: h2_session.cpp has what its users and the loop call, h2_callbacks.cpp what
/// nghttp2 calls.
class H2Session::Impl final : public H2Connection,
                              private loop::TurnFlush,
                              private loop::Expirable {
public:
    Impl(H2Session& self,
         loop::Loop& loop,
         net::Dialled dialled,
         const H2Limits& limits,
         MutableBytes scratch);
    ~Impl() override;

    std::size_t capacity() const;
    std::size_t max_streams() const;
    StreamLease open_stream(const StreamTimeouts& timeouts);
    void drain() noexcept;
    void close(const Failure& why) noexcept;
    Task<void> run(SessionListener& listener);
    void probe();
    void call_when_heard() noexcept { tell_heard_ = true; }
    void doubt() noexcept;
    [[nodiscard]] SessionEnd end_cause() const;
    [[nodiscard]] const net::ByteStream& transport() const { return *stream_; }

    // H2Connection
    Result<std::int32_t> submit(H2Stream& stream,
                                const http::RequestHead& head,
                                bool has_body) override;
    void resume_sending(std::int32_t stream_id) override;
    void submit_trailers(std::int32_t stream_id, const http::FieldBlock& trailers) override;
    void offer(std::int32_t stream_id, std::size_t window, std::size_t unread) override;
    [[nodiscard]] std::size_t largest_window() const override;
    void reset(std::int32_t stream_id) override;
    void note_interim() override { guard_.earn(1); }
    void released(H2Stream& stream) noexcept override;

    bool is_retired() const {
        return draining_ || ended_ || nghttp2_session_check_request_allowed(session_.get()) == 0;
    }

    // h2::Callbacks
    using Stream = H2Stream;
    using Callbacks = h2::Callbacks<Impl>;
    void on_frame_sent(const nghttp2_frame& frame) noexcept;
    int on_begin_headers(const nghttp2_frame& frame) noexcept;
    int on_field(const nghttp2_frame& frame, Bytes name, Bytes value) noexcept;
    int on_invalid_field(const nghttp2_frame& frame) noexcept;
    void on_frame_received(const nghttp2_frame& frame) noexcept;
    void on_data(H2Stream* stream, Bytes data) noexcept;
    void on_stream_closed(std::int32_t id, H2Stream* stream, std::uint32_t error_code) noexcept;
    void on_data_sent(std::size_t size) noexcept;
    h2::Output& output() noexcept { return output_; }

    H2Session& self;
    const std::string address;
    TimePoint idle_since;
    TimePoint last_heard;
    bool has_answered = false;     // a request, with the beginning of a head
    std::size_t open_streams = 0;  // leased, and not closed by nghttp2 yet

private:
    void flush() noexcept override;
    void expire() noexcept override {
        end({Errc::write_timed_out, Side::origin}, SessionEnd::broken);
    }
    void feed(Bytes bytes);
    void note_go_away(std::uint32_t error_code) noexcept;
    void note_settings(bool ack) noexcept;
    [[nodiscard]] std::size_t first_window() const;
    void heed_memory();
    void settle();
    void refuse_held_back();
    void expect_unwanted(std::int32_t stream_id);
    void end_flood() noexcept;
    [[nodiscard]] bool is_unsent(const H2Stream& stream) const {
        return nghttp2_session_find_stream(session_.get(), stream.id()) == nullptr;
    }
    void end(const Failure& why, SessionEnd cause) noexcept;
    [[nodiscard]] Failure end_of_stream(const H2Stream& stream, const Failure& why) const;
    void note_end(SessionEnd cause) noexcept {
        if (end_cause_ == SessionEnd::none) end_cause_ = cause;
    }
    [[nodiscard]] Errc code_of_refusal(std::int32_t id, const H2Stream& stream) const;
    [[nodiscard]] SessionEnd end_of_transport(const boost::system::error_code& error) const;
    void end_when_drained() noexcept;
    void tell_capacity() noexcept;
    Task<void> write_when_possible();

    loop::Loop& loop_;
    const H2Limits& limits_;
    std::unique_ptr<net::ByteStream> stream_;
    MutableBytes scratch_;
    h2::SessionHandle session_;
    SessionListener* listener_ = nullptr;
    bool settings_seen_ = false;
    bool has_answered_ = false;   // a response head came, whole
    bool settings_out_ = true;    // ours have not been acknowledged
    bool small_windows_ = false;  // by the last SETTINGS of ours: memory was short
    bool draining_ = false;
    bool ended_ = false;
    SessionEnd end_cause_ = SessionEnd::none;
    bool ping_out_ = false;                        // a PING has not been answered
    bool tell_heard_ = false;                      // the listener, once something is
    bool capacity_moved_ = false;                  // since the listener was told
    std::int32_t reset_by_peer_ = 0;               // the stream of the last RST_STREAM that came
    std::uint32_t error_told_ = NGHTTP2_NO_ERROR;  // by our GOAWAY

    // What came in the input that is being fed, and is seen to after it
    bool windows_moved_ = false;  // our SETTINGS count from now on
    bool limits_moved_ = false;   // the peer's do

    http::FloodGuard guard_;

    h2::Output output_;
    bool write_blocked_ = false;
    loop::Event write_blocked_event_;
    bool writer_done_ = false;
    loop::Watchdog write_watchdog_;

    std::vector<nghttp2_nv> pairs_;
    std::vector<H2Stream*> live_;
    std::vector<std::unique_ptr<H2Stream>> streams_;
    std::vector<H2Stream*> spare_;
    std::size_t leases_ = 0;
    loop::Event wind_down_;
};

}  // namespace nikawa::origin
