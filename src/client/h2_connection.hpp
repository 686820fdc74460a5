#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/h2_exchange.hpp"
#include "client/inactivity.hpp"
#include "h2/callbacks.hpp"
#include "h2/output.hpp"
#include "h2/session.hpp"
#include "nikawa/http/flood_guard.hpp"
#include "nikawa/net/read_buffer.hpp"

namespace nikawa::client {

/// A client's connection that speaks HTTP/2 (RFC 9113): each of its streams is an exchange of its
/// own, with a task of its own. All frames of a turn leave together.
///
/// h2_connection.cpp has what its owner, its exchanges and the loop call, h2_callbacks.cpp what
/// nghttp2 calls.
class H2Connection final : private H2Frames, private loop::TurnFlush {
public:
    /// What it works with; all of it outlives the connection.
    struct Parts {
        loop::Loop& loop;
        net::ByteStream& stream;
        Inactivity& inactivity;
        RequestHandler& handler;
        const ClientLimits& limits;
        std::string_view client_address;
        IdleListener* idle_listener;  ///< may be nullptr; was told that it is busy
    };
    explicit H2Connection(const Parts& parts);
    H2Connection(const H2Connection&) = delete;
    H2Connection& operator=(const H2Connection&) = delete;
    ~H2Connection() override;

    /// Serves until the connection is closed; `buffer` has what was read of it, the preface first.
    Task<void> run(net::ReadBuffer buffer);

    /// See ClientConnection.
    void drain() noexcept;
    void close() noexcept;

private:
    using Stream = H2Exchange;
    using Callbacks = h2::Callbacks<H2Connection>;
    friend Callbacks;
    void on_frame_sent(const nghttp2_frame& frame) noexcept;
    int on_begin_headers(const nghttp2_frame& frame) noexcept;
    int on_field(const nghttp2_frame& frame, Bytes name, Bytes value) noexcept;
    int on_invalid_field(const nghttp2_frame& frame) noexcept;
    void on_frame_received(const nghttp2_frame& frame) noexcept;
    void on_data(H2Exchange* exchange, Bytes data) noexcept;
    void on_stream_closed(std::int32_t stream,
                          H2Exchange* exchange,
                          std::uint32_t error_code) noexcept;
    void on_data_sent(std::size_t size) noexcept;
    h2::Output& output() noexcept { return output_; }

    // H2Frames
    void submit_interim(std::int32_t stream, const http::ResponseHead& head) override;
    bool submit_response(std::int32_t stream,
                         const http::ResponseHead& head,
                         bool has_body) override;
    void resume_sending(std::int32_t stream) override;
    void offer(std::int32_t stream, std::size_t window, std::size_t unread) override;
    void reset(std::int32_t stream, H2Reset why) override;
    void leave() override;

    void submit_trailers(std::int32_t stream, const http::FieldBlock& trailers);
    void put_head(const http::ResponseHead& head);
    void put_field(Bytes name, Bytes value);

    /// What the next input is awaited for, and so until when.
    enum class Awaited : std::uint8_t {
        request,       ///< no stream is open
        rest_of_head,  ///< nothing else may come before it
        anything,      ///< streams see to their own deadlines
    };
    void await(Awaited awaited);
    void await_what_is_due();
    void heed_time();
    void note_idle(bool is_idle);

    H2Exchange* open_exchange(std::int32_t stream);
    void let_go(H2Exchange& exchange) noexcept;
    void start(H2Exchange& exchange);
    Task<void> serve(H2Exchange& exchange);
    void feed(Bytes bytes);
    void settle();
    void expect_unwanted(std::int32_t stream);
    void terminate(std::uint32_t error) noexcept;
    void release_memory();

    void flush() noexcept override;
    Task<void> wait_for_room();
    void note_error(std::uint32_t error) noexcept;
    void cut(const Failure& why) noexcept;
    void lose_all(const Failure& why) noexcept;

    loop::Loop& loop_;
    net::ByteStream& stream_;
    Inactivity& inactivity_;
    RequestHandler& handler_;
    const ClientLimits& limits_;
    std::string_view client_address_;
    IdleListener* idle_listener_;
    h2::SessionHandle session_;
    http::FloodGuard guard_;

    net::ReadBuffer buffer_;
    Awaited awaited_ = Awaited::anything;
    Deadline input_deadline_ = Deadline::none();
    bool is_idle_ = false;            // as the listener was told
    std::int32_t head_stream_ = 0;    // whose header block has begun and not ended; 0: none
    std::int32_t reset_by_peer_ = 0;  // the stream of the last RST_STREAM that came

    enum class Leaving : std::uint8_t { no, announced, said };
    Leaving leaving_ = Leaving::no;
    bool was_notice_answered_ = false;              // the PING behind the first GOAWAY
    bool is_terminated_ = false;                    // nothing is read of what comes any more
    bool is_over_ = false;                          // nothing is read or written any more
    Failure end_{Errc::client_gone, Side::client};  // what it is to those that it ends
    bool is_cut_ = false;                           // and there is nothing to be said to the client

    h2::Output output_;
    bool is_blocked_ = false;
    bool is_waiting_for_room_ = false;
    Deadline output_deadline_ = Deadline::none();  // while blocked

    std::vector<nghttp2_nv> pairs_;
    std::vector<H2Exchange*> live_;
    std::vector<H2Exchange*> begun_;   // their heads ended in the input that is being fed
    std::vector<H2Exchange*> closed_;  // their streams did, or in the output
    std::vector<H2Exchange*> spare_;
    std::vector<std::unique_ptr<H2Exchange>> exchanges_;
    loop::Event wind_down_;
};

}  // namespace nikawa::client
