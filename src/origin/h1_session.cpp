#include "nikawa/origin/h1_session.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <optional>
#include <utility>

#include "nikawa/http/h1_body_decoder.hpp"
#include "nikawa/net/read_buffer.hpp"
#include "origin/h1_request_writer.hpp"
#include "origin/stream_deadlines.hpp"

namespace nikawa::origin {
namespace {

using IoState = net::IoResult::State;

// A response that is small, as most are, comes with one read of this; a large one by larger reads.
constexpr std::size_t small_buffer_bytes = 16 * 1024;
constexpr std::size_t large_buffer_bytes = 64 * 1024;

constexpr Failure malformed{Errc::malformed, Side::origin};
constexpr Failure unwanted{Errc::abandoned, Side::self};

// RFC 9112 §9.3.
bool means_to_go_on(const http::ResponseHead& head) {
    constexpr auto connection = http::FieldId::connection;
    if (head.fields.lists(connection, "close")) return false;
    return head.version == http::Version::http_1_1 || head.fields.lists(connection, "keep-alive");
}

}  // namespace

// The session and its one stream.
//
// `run()` is who waits for input, always. It reads for the holder only while that waits, so that
// the pieces the holder has stay where they are and a slow one slows the origin; when something
// comes that nobody waits for, `run()` leaves it where it is and stalls until somebody does.
class H1Session::Impl final : public OriginStream {
public:
    Impl(H1Session& self, loop::Loop& loop, net::Dialled dialled, const H1SessionLimits& limits);
    ~Impl() override { assert(phase_ != Phase::leased && "a session outlives its stream"); }

    [[nodiscard]] bool is_idle() const { return phase_ == Phase::idle; }
    [[nodiscard]] bool is_leased() const { return phase_ == Phase::leased; }
    [[nodiscard]] bool is_retired() const { return draining_ || ended_; }
    StreamLease open(const StreamTimeouts& timeouts);
    void drain() noexcept;
    void end(const Failure& why) noexcept;
    Task<void> run(SessionListener& listener);

    // OriginStream
    Result<void> send_head(const http::RequestHead& head,
                           const http::BodyFraming& framing) override;
    Task<Result<void>> send_body(Bytes bytes) override { return writer_.send_body(bytes); }
    Task<Result<void>> finish_body(const http::FieldBlock& trailers) override;
    Task<Result<http::ResponseHead*>> receive_head() override;
    [[nodiscard]] http::BodyFraming response_framing() const override { return framing_; }
    [[nodiscard]] bool has_body_ready() const override;
    Task<Result<Bytes>> receive_body() override;
    [[nodiscard]] bool was_last_piece() const override {
        return next_piece_.empty() && is_response_complete();
    }
    http::FieldBlock& response_trailers() override { return decoder_.trailers(); }
    [[nodiscard]] bool has_response_begun() const override { return response_begun_; }
    void abandon(const Failure& why) noexcept override;

    const std::string address;
    TimePoint idle_since;

private:
    enum class Phase : std::uint8_t {
        idle,
        leased,
        finishing,  // released; what little is left of the response is read away
        over,       // closed and not leased
    };

    void release() noexcept override;
    void take_input();
    void refuse_unasked() noexcept;
    bool read_more() noexcept;
    bool find_head();
    bool parse_head();
    Result<void> accept_final_head();
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
    bool ended_ = false;  // the transport is closed
    std::optional<Failure> failure_;
    StreamDeadlines deadlines_;
    H1RequestWriter writer_;

    // Input
    net::ReadBuffer input_;
    bool dry_ = true;        // the transport had no more: reading again is in vain
    bool large_ = false;     // a read has filled the small buffer: a larger one pays
    bool awaiting_ = false;  // the holder waits for `received_`, and run() has not read for it
    loop::Event received_;
    bool stalled_ = false;  // there is input, and run() waits until it is wanted
    loop::Event turned_;    // for run(): it is wanted, the session has ended, or its lease has

    // Response
    bool is_head_request_ = false;
    http::H1HeadParser parser_;
    http::H1BodyDecoder decoder_;
    http::ResponseHead head_;
    http::BodyFraming framing_;
    std::size_t interim_count_ = 0;
    bool response_begun_ = false;
    bool head_complete_ = false;  // the final one
    bool keep_ = false;           // the origin means to go on after this response
    Bytes next_piece_;            // of the body, ahead of the holder; lies in the buffer
};

H1Session::Impl::Impl(H1Session& self,
                      loop::Loop& loop,
                      net::Dialled dialled,
                      const H1SessionLimits& limits)
    : address(dialled.stream->peer_address()),
      idle_since(loop.now()),
      self_(self),
      loop_(loop),
      limits_(limits),
      transport_(std::move(dialled.stream)),
      deadlines_(loop, *this),
      writer_(loop, *transport_, *this, deadlines_),
      received_(loop),
      turned_(loop),
      parser_(limits.head),
      decoder_(Side::origin, limits.head) {}

StreamLease H1Session::Impl::open(const StreamTimeouts& timeouts) {
    assert(is_idle());
    phase_ = Phase::leased;
    deadlines_.start(timeouts);
    writer_.start();
    awaiting_ = false;
    received_.reset();
    parser_.reset();
    decoder_.start(http::NoBody{});
    framing_ = http::NoBody{};
    interim_count_ = 0;
    response_begun_ = head_complete_ = keep_ = false;
    next_piece_ = {};
    return StreamLease{*this};
}

Result<void> H1Session::Impl::send_head(const http::RequestHead& head,
                                        const http::BodyFraming& framing) {
    if (failure_) return *failure_;
    is_head_request_ = head.method == "HEAD";
    writer_.send_head(head, framing);
    return {};
}

Task<Result<void>> H1Session::Impl::finish_body(const http::FieldBlock& trailers) {
    co_return writer_.finish_body(trailers);
}

Task<Result<http::ResponseHead*>> H1Session::Impl::receive_head() {
    if (!find_head()) {
        deadlines_.set_awaiting(true);
        do {
            ask_for_input();
            co_await received_.wait();
        } while (!find_head());
        if (!ended_) deadlines_.set_awaiting(false);
    }
    if (failure_) co_return *failure_;
    co_return &head_;
}

// Whether there is a head, or a failure, without waiting.
bool H1Session::Impl::find_head() {
    while (!failure_) {
        if (parse_head()) return true;
        if (!read_more()) return false;
    }
    return true;
}

// Takes a head out of the input; false when more of it is needed.
bool H1Session::Impl::parse_head() {
    if (input_.unread().empty()) return false;
    const auto taken = parser_.parse_response(input_.unread(), head_);
    if (!taken) {
        end(taken.error());
        return true;
    }
    if (*taken == 0) return false;
    input_.take(*taken);
    parser_.reset();
    if (head_.status >= 200) {
        const auto accepted = accept_final_head();
        if (!accepted) end(accepted.error());
    } else if (head_.status == 101 || ++interim_count_ > limits_.interim_heads) {
        end(malformed);  // we ask for no upgrade, so nobody may switch (RFC 9110 §15.2.2)
    }
    return true;
}

Result<void> H1Session::Impl::accept_final_head() {
    const auto framing = http::response_framing(is_head_request_ ? "HEAD" : "", head_);
    if (!framing) return framing.error();
    framing_ = *framing;
    keep_ = means_to_go_on(head_) && !std::holds_alternative<http::UntilClose>(framing_);
    decoder_.start(framing_);
    head_complete_ = true;
    deadlines_.note_head_given();
    prepare_piece();
    return {};
}

bool H1Session::Impl::has_body_ready() const {
    return !next_piece_.empty() || is_response_complete() || failure_.has_value();
}

Task<Result<Bytes>> H1Session::Impl::receive_body() {
    if (!find_piece()) {
        deadlines_.set_awaiting(true);
        do {
            ask_for_input();
            co_await received_.wait();
        } while (!find_piece());
        if (!ended_) deadlines_.set_awaiting(false);
    }
    if (!next_piece_.empty()) {
        const Bytes piece = std::exchange(next_piece_, {});
        prepare_piece();
        co_return piece;
    }
    if (is_response_complete()) co_return Bytes{};
    co_return *failure_;
}

// Whether there is a piece of the body, its end or a failure, without waiting.
bool H1Session::Impl::find_piece() {
    for (;;) {
        prepare_piece();
        if (has_body_ready()) return true;
        if (!read_more()) return false;
    }
}

// Looks for the next piece in what has been read.
void H1Session::Impl::prepare_piece() {
    while (!ended_ && next_piece_.empty() && !decoder_.at_end() && !input_.unread().empty()) {
        const auto step = decoder_.decode(input_.unread());
        if (!step) return end(step.error());
        if (step->taken == 0) return;
        input_.take(step->taken);
        next_piece_ = step->data;
    }
    note_response();
}

// An origin that has answered need not be told the rest (RFC 9112 §9.3); who sends it is let go.
void H1Session::Impl::note_response() noexcept {
    if (is_response_complete() && !writer_.is_complete()) writer_.stop({});
}

// Reads what the transport has. False when that is nothing, and when it is known to be nothing.
bool H1Session::Impl::read_more() noexcept {
    if (dry_) return false;
    const auto least = large_ ? large_buffer_bytes : small_buffer_bytes;
    const auto room = input_.room(std::max(least, std::bit_ceil(input_.unread().size() + 1)));
    const auto read = transport_->try_read(room);
    switch (read.state) {
        case IoState::done:
            input_.add(read.bytes);
            dry_ = read.bytes < room.size();
            large_ = large_ || !dry_;
            response_begun_ = true;
            return true;
        case IoState::would_block: dry_ = true; return false;
        case IoState::end:
            if (head_complete_ && decoder_.end_of_input()) {
                note_response();
                return true;
            }
            break;
        case IoState::failed: break;
    }
    end({Errc::peer_closed, Side::origin, read.error});
    return true;
}

void H1Session::Impl::ask_for_input() {
    awaiting_ = true;
    unstall();
}

void H1Session::Impl::unstall() noexcept {
    if (std::exchange(stalled_, false)) turned_.notify();
}

void H1Session::Impl::abandon(const Failure& why) noexcept {
    const bool nothing_to_give_up = is_response_complete() && writer_.is_complete();
    if (nothing_to_give_up) return;
    if (why.side != Side::client || !head_complete_ || !is_reusable() || !is_rest_little()) {
        return end(why);
    }
    failure_ = why;  // for the holder; the connection is fine, and release() sees to the rest
    received_.notify();
}

void H1Session::Impl::end(const Failure& why) noexcept {
    if (ended_) return;
    ended_ = true;
    failure_ = why;
    if (phase_ != Phase::leased) phase_ = Phase::over;
    writer_.close(why);
    deadlines_.stop();
    transport_->close();  // wakes who waits for it
    received_.notify();
    turned_.notify();
}

void H1Session::Impl::release() noexcept {
    deadlines_.stop();
    phase_ = ended_ ? Phase::over : Phase::finishing;
    if (ended_) {
        turned_.notify();
    } else if (writer_.is_untouched()) {
        become_idle();  // never used
    } else if (head_complete_ && is_reusable()) {
        failure_.reset();
        finish();
    } else {
        end(unwanted);
    }
    if (is_idle() && listener_ != nullptr) listener_->capacity_changed(self_);
}

// Reads away what is left of a response nobody wants, if it is little: cheaper than a new
// connection.
void H1Session::Impl::finish() noexcept {
    do {
        next_piece_ = {};
        prepare_piece();
    } while (!next_piece_.empty());
    if (is_response_complete()) return become_idle();
    if (!is_rest_little()) return end(unwanted);
    deadlines_.start({.response_head = {}, .response_body = limits_.drain_time, .write = {}});
    deadlines_.note_head_given();
    deadlines_.set_awaiting(true);
    unstall();
}

void H1Session::Impl::become_idle() noexcept {
    idle_since = loop_.now();
    // What follows a whole response belongs to no request.
    if (!input_.unread().empty() || draining_) return end(unwanted);
    phase_ = Phase::idle;
    writer_.start();
    input_.release();  // busy sessions share what idle ones do not need
    if (!stalled_) return;
    unstall();
    refuse_unasked();  // what stalled it may still be there
}

void H1Session::Impl::drain() noexcept {
    draining_ = true;
    if (phase_ != Phase::leased) end(unwanted);
}

Task<void> H1Session::Impl::run(SessionListener& listener) {
    listener_ = &listener;
    while (!ended_) {
        if (stalled_) {
            co_await turned_.wait();
        } else {
            co_await transport_->wait_readable();
            dry_ = false;
            if (!ended_) take_input();
        }
    }
    listener.capacity_changed(self_);
    while (phase_ == Phase::leased) co_await turned_.wait();
    co_await writer_.join();
}

void H1Session::Impl::take_input() {
    switch (phase_) {
        case Phase::idle: return refuse_unasked();
        case Phase::leased:
            if (writer_.is_untouched()) return refuse_unasked();
            if (!awaiting_) {
                stalled_ = true;
            } else if (read_more()) {
                awaiting_ = false;  // first it takes this
                received_.notify();
            }
            return;
        case Phase::finishing:
            while (!is_response_complete() && !ended_) {
                if (!find_piece()) return;
                next_piece_ = {};
            }
            deadlines_.stop();
            if (!ended_) become_idle();
            if (is_idle()) listener_->capacity_changed(self_);
            return;
        case Phase::over: return;
    }
}

// Data, or an end, while nothing was asked for: the connection is of no more use, and a request
// that was about to leave has not been seen. (A TLS record without data, such as a session ticket,
// shows as readiness to read nothing.)
void H1Session::Impl::refuse_unasked() noexcept {
    char unasked = 0;
    const auto read = transport_->try_read({&unasked, 1});
    dry_ = true;
    if (read.state != IoState::would_block) end({Errc::stream_refused, Side::origin, read.error});
}

H1Session::H1Session(loop::Loop& loop, net::Dialled dialled, const H1SessionLimits& limits)
    : impl_(std::make_unique<Impl>(*this, loop, std::move(dialled), limits)) {}

H1Session::~H1Session() = default;

std::size_t H1Session::capacity() const { return impl_->is_idle() ? 1 : 0; }
std::size_t H1Session::streams() const { return impl_->is_leased() ? 1 : 0; }
bool H1Session::is_retired() const { return impl_->is_retired(); }
StreamLease H1Session::open_stream(const StreamTimeouts& timeouts) { return impl_->open(timeouts); }
void H1Session::drain() noexcept { impl_->drain(); }
void H1Session::close(const Failure& why) noexcept { impl_->end(why); }
Task<void> H1Session::run(SessionListener& listener) { return impl_->run(listener); }
const std::string& H1Session::peer_address() const { return impl_->address; }
TimePoint H1Session::idle_since() const { return impl_->idle_since; }

}  // namespace nikawa::origin
