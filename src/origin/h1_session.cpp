#include "nikawa/origin/h1_session.hpp"

#include <utility>

#include "origin/h1_session_impl.hpp"
#include "origin/session_end.hpp"

namespace nikawa::origin {
namespace {

using IoState = net::IoResult::State;

constexpr Failure unwanted{Errc::abandoned, Side::self};
constexpr Failure unasked{Errc::stream_refused, Side::origin};

}  // namespace

H1Session::Impl::Impl(H1Session& self,
                      loop::Loop& loop,
                      net::Dialled dialled,
                      const H1SessionLimits& limits)
    : TurnFlush(loop),
      address(dialled.stream->peer_address()),
      idle_since(loop.now()),
      last_heard(loop.now()),
      self_(self),
      loop_(loop),
      limits_(limits),
      transport_(std::move(dialled.stream)),
      deadlines_(loop, *this),
      writer_(loop, *transport_, *this, deadlines_),
      received_(loop),
      turned_(loop),
      parser_(limits.head),
      decoder_(Side::origin, limits.head),
      interim_(limits.interim_heads, loop.now()) {}

StreamLease H1Session::Impl::open(const StreamTimeouts& timeouts) {
    assert(is_idle());
    phase_ = Phase::leased;
    deadlines_.start(timeouts);
    writer_.start();
    awaiting_ = doubted_ = false;
    received_.reset();
    parser_.reset();
    decoder_.start(http::NoBody{});
    framing_ = http::NoBody{};
    interim_ = InterimAllowance{limits_.interim_heads, loop_.now()};
    response_begun_ = head_complete_ = keep_ = false;
    next_piece_ = {};
    return StreamLease{*this};
}

Result<void> H1Session::Impl::send_head(const http::RequestHead& head,
                                        const http::BodyFraming& framing) {
    if (failure_) return *failure_;
    is_head_request_ = head.method == "HEAD";
    is_upgrade_asked_ = head.fields.find(http::FieldId::upgrade).has_value();
    writer_.send_head(head, framing);
    return {};
}

// A large piece leaves at once, before this turn has come to what the origin may have said unasked:
// that must not pass for the response. (What is not confirmed yet cannot have said anything.)
Task<Result<void>> H1Session::Impl::send_body(Bytes bytes) {
    if (!ended_ && writer_.is_untouched() && transport_->is_confirmed()) refuse_unasked();
    return writer_.send_body(bytes);
}

Task<Result<void>> H1Session::Impl::finish_body(Bytes bytes, const http::FieldBlock& trailers) {
    if (!bytes.empty()) {
        const auto sent = co_await send_body(bytes);
        if (!sent) co_return sent;
    }
    co_return writer_.finish_body(trailers);
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

void H1Session::Impl::close(const Failure& why) noexcept {
    if (end_cause_ == SessionEnd::none) end_cause_ = SessionEnd::ours;
    end(why);
}

void H1Session::Impl::end(Failure why) noexcept {
    if (ended_) return;
    ended_ = true;
    // An origin that fails TLS before it has ever answered refuses us, and not this request.
    if (!has_answered && net::is_tls_error(why.cause)) why.code = Errc::tls_failed;
    failure_ = why;
    if (end_cause_ == SessionEnd::none) end_cause_ = end_by(why);
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
    if (draining_) return end(unwanted);
    if (!input_.unread().empty()) return end(unasked);  // it belongs to no request
    phase_ = Phase::idle;
    end_probe();
    writer_.start();
    input_.release();  // busy sessions share what idle ones do not need
    if (!stalled_) return;
    unstall();
    refuse_unasked();  // what stalled it may still be there
}

// `run()` leaves the transport alone from now on, but waits for the end of the lease.
std::optional<net::TunnelEnd> H1Session::Impl::take_over() {
    if (ended_ || !head_complete_ || head_.status != 101) return std::nullopt;
    taken_over_ = true;
    if (end_cause_ == SessionEnd::none) end_cause_ = SessionEnd::taken_over;
    deadlines_.stop();
    net::TunnelEnd end{*transport_, std::string{input_.unread()}};
    input_.take(input_.unread().size());
    input_.release();
    unstall();
    transport_->wake();
    return end;
}

void H1Session::Impl::drain() noexcept {
    draining_ = true;
    if (end_cause_ == SessionEnd::none) end_cause_ = SessionEnd::ours;
    if (phase_ != Phase::leased) end(unwanted);
}

Task<void> H1Session::Impl::run(SessionListener& listener) {
    listener_ = &listener;
    while (!ended_ && !taken_over_) {
        if (stalled_) {
            co_await turned_.wait();
        } else {
            co_await transport_->wait_readable();
            dry_ = false;
            if (!ended_ && !taken_over_) take_input();
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
    char first = 0;
    const auto read = transport_->try_read({&first, 1});
    dry_ = true;
    if (read.state != IoState::would_block) end({Errc::stream_refused, Side::origin, read.error});
}

void H1Session::Impl::probe() noexcept {
    if (ended_ || std::exchange(probing_, true)) return;
    transport_->probe_path(true);
}

void H1Session::Impl::end_probe() noexcept {
    if (std::exchange(probing_, false)) transport_->probe_path(false);
}

// The listener is told at the end of the turn: this may be a call of the holder's.
void H1Session::Impl::note_heard() noexcept {
    last_heard = loop_.now();
    end_probe();
    if (tell_heard_) mark_dirty();
}

void H1Session::Impl::flush() noexcept {
    if (ended_ || listener_ == nullptr) return;
    if (std::exchange(tell_heard_, false)) listener_->heard(self_);
}

H1Session::H1Session(loop::Loop& loop, net::Dialled dialled, const H1SessionLimits& limits)
    : impl_(std::make_unique<Impl>(*this, loop, std::move(dialled), limits)) {}

H1Session::~H1Session() = default;

std::size_t H1Session::capacity() const { return impl_->is_idle() ? 1 : 0; }
std::size_t H1Session::streams() const { return impl_->is_leased() ? 1 : 0; }
bool H1Session::is_retired() const { return impl_->is_retired(); }
StreamLease H1Session::open_stream(const StreamTimeouts& timeouts) { return impl_->open(timeouts); }
void H1Session::drain() noexcept { impl_->drain(); }
void H1Session::close(const Failure& why) noexcept { impl_->close(why); }
Task<void> H1Session::run(SessionListener& listener) { return impl_->run(listener); }
const std::string& H1Session::peer_address() const { return impl_->address; }
TimePoint H1Session::idle_since() const { return impl_->idle_since; }
TimePoint H1Session::last_heard() const { return impl_->last_heard; }
bool H1Session::has_answered() const { return impl_->has_answered; }
net::PathReport H1Session::path() const { return impl_->transport().path(); }
void H1Session::probe() { impl_->probe(); }
void H1Session::call_when_heard() { impl_->call_when_heard(); }
void H1Session::doubt() noexcept { impl_->doubt(); }
SessionEnd H1Session::end_cause() const { return impl_->end_cause(); }
std::optional<Duration> H1Session::advertised_idle_limit() const {
    return impl_->advertised_idle_limit;
}
bool H1Session::is_confirmed() const { return impl_->transport().is_confirmed(); }

}  // namespace nikawa::origin
