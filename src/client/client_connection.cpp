#include "nikawa/client/client_connection.hpp"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "client/h2_connection.hpp"
#include "client/inactivity.hpp"
#include "client/lingering.hpp"
#include "client/request_check.hpp"
#include "client/request_reader.hpp"
#include "client/response_writer.hpp"

namespace nikawa::client {
namespace {

using HeadState = RequestReader::HeadState;

// What of a request body is read for the sake of the connection after the response.
constexpr std::uint64_t cheap_body_bytes = 64 * 1024;

// A client that has ended its side in the middle of a response shows that it reads on by taking the
// next bytes. If none come for so long it counts as gone: the origin is not held for nobody.
constexpr Duration silence_of_half_closed = std::chrono::milliseconds{800};

// RFC 9112 §9.3.
bool wants_to_stay(const http::RequestHead& head) {
    if (head.fields.lists(http::FieldId::connection, "close")) return false;
    return head.version == http::Version::http_1_1 ||
           head.fields.lists(http::FieldId::connection, "keep-alive");
}

std::string without_port(std::string address) {
    address.erase(std::min(address.rfind(':'), address.size()));
    if (address.starts_with('[') && address.ends_with(']')) {
        address.pop_back();
        address.erase(0, 1);
    }
    return address;
}

}  // namespace

class ClientConnection::Impl final : public ClientExchange,
                                     private net::PeerCloseListener,
                                     private loop::Expirable {
public:
    Impl(loop::Loop& loop,
         std::unique_ptr<net::ByteStream> stream,
         RequestHandler& handler,
         const ClientLimits& limits,
         IdleListener* idle_listener)
        : loop_(loop),
          handler_(handler),
          limits_(limits),
          stream_(std::move(stream)),
          inactivity_(loop, *stream_),
          reader_(loop, *stream_, inactivity_, limits_),
          writer_(loop, *stream_, inactivity_, limits.write_timeout),
          client_address_(without_port(stream_->peer_address())),
          idle_listener_(idle_listener),
          silence_(loop.deadlines(), *this) {}

    Task<void> run();
    void drain() noexcept;
    void close() noexcept;

    http::RequestHead& head() override { return reader_.head(); }
    const http::BodyFraming& request_framing() const override { return reader_.framing(); }
    std::string_view client_address() const override { return client_address_; }
    TimePoint started_at() const override { return reader_.started_at(); }
    Task<Result<Bytes>> receive_body() override;
    bool was_last_piece() const override { return reader_.is_body_read(); }
    void ask_for_body() override;
    void interrupt_receive() noexcept override { reader_.interrupt_receive(); }
    http::FieldBlock& request_trailers() override { return reader_.trailers(); }
    Task<Result<void>> send_interim(const http::ResponseHead& head) override {
        return writer_.send_interim(head);
    }
    void begin_response(const http::ResponseHead& head, const http::BodyFraming& framing) override;
    Task<Result<void>> flush() override { return writer_.flush(); }
    Task<Result<void>> send_body(Bytes bytes) override { return writer_.send_body(bytes); }
    Task<Result<void>> finish_response(Bytes bytes, const http::FieldBlock& trailers) override {
        return writer_.finish_response(bytes, trailers);
    }
    void close_after_response() override { stays_ = false; }
    bool has_response_begun() const override { return writer_.has_begun(); }
    bool can_tunnel() const override { return true; }
    Task<Result<net::TunnelEnd>> open_tunnel(const http::ResponseHead& head) override;
    void break_off(const Failure& /*why*/) noexcept override { writer_.break_off(); }
    void watch_client(net::PeerCloseListener* listener) override {
        peer_listener_ = listener;
        silence_.disarm();
        stream_->watch_peer(listener != nullptr ? this : nullptr);
    }
    std::uint64_t request_bytes() const override { return reader_.body_bytes(); }
    std::uint64_t response_bytes() const override { return writer_.body_bytes(); }

private:
    enum class Phase : std::uint8_t { idle, head, exchange };

    HeadState begin_request();
    HeadState check_head(HeadState state);
    void note_idle(bool is_idle);
    void peer_ended() noexcept override;
    void peer_closed() noexcept override;
    void watch_silence();
    void expire() noexcept override;
    void begin_exchange(HeadState state);
    [[nodiscard]] bool is_rest_of_body_cheap() const;
    Task<bool> skip_rest_of_body();
    [[nodiscard]] bool may_still_send() const;
    Task<void> serve_http_2();

    loop::Loop& loop_;
    RequestHandler& handler_;
    const ClientLimits& limits_;
    std::unique_ptr<net::ByteStream> stream_;
    Inactivity inactivity_;
    RequestReader reader_;
    ResponseWriter writer_;
    std::string client_address_;
    Phase phase_ = Phase::idle;
    Deadline head_deadline_ = Deadline::none();  // of the phases idle and head
    bool stays_ = true;                          // open after this exchange
    bool is_draining_ = false;
    bool is_tunnel_ = false;
    bool owes_continue_ = false;
    net::PeerCloseListener* peer_listener_ = nullptr;  // of the exchange
    IdleListener* idle_listener_;                      // may be nullptr
    bool is_idle_ = false;                             // as the listener was told
    loop::Watchdog silence_;                           // of a response to a half-closed client
    std::uint64_t bytes_before_silence_ = 0;
    std::unique_ptr<H2Connection> h2_;  // when the client speaks HTTP/2: all else is out of use
};

Task<void> ClientConnection::Impl::run() {
    do {
        auto state = begin_request();
        while (state == HeadState::need_more) {
            co_await stream_->wait_readable();
            state = check_head(reader_.read_head());
        }
        inactivity_.expect_input_by(Deadline::none());
        if (state == HeadState::gone) break;
        if (state == HeadState::http_2) co_return co_await serve_http_2();

        begin_exchange(state);
        if (state == HeadState::complete) {
            co_await handler_.handle(*this);
        } else {
            co_await handler_.refuse(*this, reader_.failure());
        }
        watch_client(nullptr);
        if (!writer_.is_complete()) {
            writer_.break_off();
            break;
        }
        if (stays_ && !reader_.is_body_read()) stays_ = co_await skip_rest_of_body();
    } while (stays_ && !is_draining_);

    if (phase_ == Phase::exchange && writer_.is_complete() && may_still_send()) {
        co_await linger(loop_, *stream_, inactivity_, limits_.linger);
    }
    stream_->close();
}

Task<void> ClientConnection::Impl::serve_http_2() {
    auto read = reader_.take_buffer();
    reader_.release_memory();
    h2_ = std::make_unique<H2Connection>(H2Connection::Parts{.loop = loop_,
                                                             .stream = *stream_,
                                                             .inactivity = inactivity_,
                                                             .handler = handler_,
                                                             .limits = limits_,
                                                             .client_address = client_address_,
                                                             .idle_listener = idle_listener_});
    if (is_draining_) h2_->drain();
    co_await h2_->run(std::move(read));
}

// Whether closing at once could reset the connection under the response.
bool ClientConnection::Impl::may_still_send() const {
    return reader_.has_failed() || !reader_.is_body_read() || reader_.has_input();
}

HeadState ClientConnection::Impl::begin_request() {
    phase_ = Phase::idle;
    head_deadline_ = Deadline::after(loop_.now(), limits_.idle_timeout);
    inactivity_.expect_input_by(std::min(head_deadline_, Deadline{loop_.now() + memory_kept}));
    return check_head(reader_.begin_request());
}

// What a state of the head means at this time.
HeadState ClientConnection::Impl::check_head(HeadState state) {
    const bool is_idle = state == HeadState::need_more && reader_.is_between_requests();
    note_idle(is_idle);
    if (state != HeadState::need_more) return state;
    if (is_idle) reader_.release_input();
    if (phase_ == Phase::idle && !is_idle) {
        phase_ = Phase::head;
        head_deadline_ = Deadline::after(loop_.now(), limits_.head_timeout);
        inactivity_.expect_input_by(head_deadline_);
    }
    if (!inactivity_.is_input_overdue()) return HeadState::need_more;
    if (loop_.now() >= head_deadline_.at()) {
        return is_idle ? HeadState::gone : reader_.refuse_head(Errc::head_timed_out);
    }
    reader_.release_memory();
    writer_.release_memory();
    inactivity_.expect_input_by(head_deadline_);
    return HeadState::need_more;
}

void ClientConnection::Impl::note_idle(bool is_idle) {
    if (idle_listener_ == nullptr || is_idle == is_idle_) return;
    is_idle_ = is_idle;
    is_idle ? idle_listener_->became_idle() : idle_listener_->became_busy();
}

void ClientConnection::Impl::begin_exchange(HeadState state) {
    const http::RequestHead& head = reader_.head();
    phase_ = Phase::exchange;
    stays_ = state == HeadState::complete && wants_to_stay(head);
    owes_continue_ = state == HeadState::complete && waits_for_continue(head);
    writer_.begin_request({head.version, head.method == "HEAD"});
}

void ClientConnection::Impl::ask_for_body() {
    if (!owes_continue_ || reader_.is_body_read() || writer_.has_begun()) return;
    if (!reader_.has_input()) writer_.send_continue();
    owes_continue_ = false;
}

Task<Result<Bytes>> ClientConnection::Impl::receive_body() {
    ask_for_body();
    writer_.note_request_moved();
    const auto longest = writer_.has_begun() ? Duration::zero() : limits_.read_timeout;
    return reader_.receive_body(Deadline::after(loop_.now(), longest));
}

void ClientConnection::Impl::begin_response(const http::ResponseHead& head,
                                            const http::BodyFraming& framing) {
    reader_.wait_without_deadline();
    const auto shown = writer_.framing_for(head, framing);
    stays_ = stays_ && !is_draining_ && !std::holds_alternative<http::UntilClose>(shown) &&
             is_rest_of_body_cheap();
    writer_.begin_response(
        head, shown, stays_ ? http::Persistence::keep_alive : http::Persistence::close);
}

Task<Result<net::TunnelEnd>> ClientConnection::Impl::open_tunnel(const http::ResponseHead& head) {
    assert(reader_.is_body_read() && !writer_.has_begun());
    stays_ = false;
    is_tunnel_ = true;
    const auto sent = co_await writer_.send_last_head(head);
    if (!sent) co_return sent.error();
    co_return net::TunnelEnd{*stream_, reader_.take_unread()};
}

// Whether the connection is worth reading the rest of the request body. A client that still waits
// for 100 Continue may never send it.
bool ClientConnection::Impl::is_rest_of_body_cheap() const {
    if (reader_.is_body_read()) return true;
    return !owes_continue_ && !reader_.has_failed() &&
           reader_.body_remaining().value_or(cheap_body_bytes + 1) <= cheap_body_bytes;
}

Task<bool> ClientConnection::Impl::skip_rest_of_body() {
    const auto deadline = Deadline::after(loop_.now(), longest_skipping);
    while (!reader_.is_body_read()) {
        const auto piece = co_await reader_.receive_body(deadline);
        if (!piece) co_return false;
    }
    co_return true;
}

void ClientConnection::Impl::drain() noexcept {
    if (h2_ != nullptr) return h2_->drain();
    is_draining_ = true;
    if (phase_ == Phase::idle) stream_->close();
}

// Half-closed or closed altogether: over TCP that shows by what answers the next bytes. Before the
// response these are a 100 Continue, which any client discards that did not ask for it (RFC 9110
// §15.2.1), and a closed one answers with a reset. HTTP/1.0 knows none: there the response tells.
void ClientConnection::Impl::peer_ended() noexcept {
    if (is_tunnel_) return;
    if (writer_.has_begun()) return watch_silence();
    if (reader_.head().version == http::Version::http_1_1) writer_.send_continue();
}

void ClientConnection::Impl::peer_closed() noexcept {
    silence_.disarm();
    if (peer_listener_ != nullptr) std::exchange(peer_listener_, nullptr)->peer_closed();
}

void ClientConnection::Impl::watch_silence() {
    bytes_before_silence_ = writer_.body_bytes();
    silence_.arm(Deadline::after(loop_.now(), silence_of_half_closed));
}

// While bytes wait for the client it is the write timeout that runs.
void ClientConnection::Impl::expire() noexcept {
    const bool is_silent = !writer_.is_blocked() && writer_.body_bytes() == bytes_before_silence_;
    is_silent ? peer_closed() : watch_silence();
}

// To whoever serves the exchange it is as if the client had hung up.
void ClientConnection::Impl::close() noexcept {
    if (h2_ != nullptr) return h2_->close();
    writer_.break_off();
    stream_->close();
    peer_closed();
}

ClientConnection::ClientConnection(loop::Loop& loop,
                                   std::unique_ptr<net::ByteStream> stream,
                                   RequestHandler& handler,
                                   const ClientLimits& limits,
                                   IdleListener* idle_listener)
    : impl_(std::make_unique<Impl>(loop, std::move(stream), handler, limits, idle_listener)) {
    // With the frame of run() this is all that an idle connection keeps, and they are many.
    static_assert(sizeof(Impl) <= 1024);
}

ClientConnection::~ClientConnection() = default;

Task<void> ClientConnection::run() { return impl_->run(); }

void ClientConnection::drain() noexcept { impl_->drain(); }

void ClientConnection::close() noexcept { impl_->close(); }

}  // namespace nikawa::client
