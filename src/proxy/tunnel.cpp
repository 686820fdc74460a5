#include "proxy/tunnel.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "nikawa/net/tls_alert.hpp"

namespace nikawa::proxy {
namespace {

using State = net::IoResult::State;

// While memory is short.
constexpr std::size_t small_read = 8 * 1024;

// How long the other side may be silent that still has something to say to one that has ended by
// TLS.
constexpr Duration parting_time = std::chrono::seconds{2};

}  // namespace

Tunnel::Tunnel(loop::Loop& loop, net::TunnelEnd client, net::TunnelEnd origin, TunnelMeans means)
    : loop_(loop),
      means_(means),
      to_origin_(client.stream, origin.stream, std::move(client.early), means.memory),
      to_client_(origin.stream, client.stream, std::move(origin.early), means.memory),
      way_back_over_(loop),
      watchdog_(loop.deadlines(), *this) {}

Task<std::optional<Failure>> Tunnel::run() {
    note_activity();
    loop_.spawn(pass_back());
    co_await pass(to_origin_);
    while (!is_way_back_over_) co_await way_back_over_.wait();
    watchdog_.disarm();
    co_return failure_;
}

Task<void> Tunnel::pass_back() {
    co_await pass(to_client_);
    is_way_back_over_ = true;
    way_back_over_.notify();
}

Task<void> Tunnel::pass(Way& way) {
    while (!is_over_) {
        if (!way.held.empty()) {
            send_held(way);
            if (!way.held.empty() && !is_over_) co_await way.to.wait_writable();
            continue;
        }
        switch (read_some(way)) {
            case Step::go_on: co_await loop_.yield(); break;
            case Step::wait: co_await way.from.wait_readable(); break;
            case Step::over: release(way); co_return;
        }
    }
    release(way);
}

// Reads once and passes it on. A read that did not fill the room has emptied the source.
Tunnel::Step Tunnel::read_some(Way& way) {
    auto room = means_.scratch;
    if (means_.memory.is_short()) room = room.first(std::min(room.size(), small_read));
    const auto read = way.from.try_read(room);
    switch (read.state) {
        case State::done: break;
        case State::would_block: release(way); return Step::wait;
        case State::end: end(way); return Step::over;
        case State::failed:
            if (net::is_truncation(read.error)) {  // as most who close without a word
                end(way);
            } else {
                failed(way.from, read.error);
            }
            return Step::over;
    }
    note_activity();
    send(way, {room.data(), read.bytes});
    if (is_over_) return Step::over;
    const bool is_dry = way.held.empty() && read.bytes < room.size();
    if (is_dry) release(way);
    return is_dry ? Step::wait : Step::go_on;
}

// What is not taken is kept, and nothing more is read until it is.
void Tunnel::send(Way& way, Bytes bytes) {
    const auto sent = way.to.try_write({&bytes, 1});
    if (sent.state == State::done) {
        way.passed += sent.bytes;
        bytes.remove_prefix(sent.bytes);
    } else if (sent.state != State::would_block) {
        return failed(way.to, sent.error);
    }
    if (bytes.empty()) return;
    way.held.assign(bytes);
    way.share.set(way.held.capacity());
}

void Tunnel::send_held(Way& way) {
    const Bytes rest = Bytes{way.held}.substr(way.taken);
    const auto sent = way.to.try_write({&rest, 1});
    if (sent.state == State::would_block) return;
    if (sent.state != State::done) return failed(way.to, sent.error);
    note_activity();
    way.passed += sent.bytes;
    way.taken += sent.bytes;
    if (way.taken < way.held.size()) return;
    way.held.clear();
    way.taken = 0;
}

// The source rests: nothing is held for it.
void Tunnel::release(Way& way) {
    std::string{}.swap(way.held);
    way.share.set(0);
}

void Tunnel::end(Way& way) {
    way.has_ended = true;
    way.to.shutdown_send();
    if (way.from.has_half_close() || std::exchange(is_parting_, true)) return;
    note_activity();
}

// Whoever has ended its side before it broke had said all, and the other side has it.
void Tunnel::failed(net::ByteStream& broken, const boost::system::error_code& error) {
    if (has_told_end(broken)) return stop();
    cut(end_of(broken, error));
}

Failure Tunnel::end_of(const net::ByteStream& side, const boost::system::error_code& error) const {
    const bool is_client = &side == &to_origin_.from;
    return is_client ? Failure{Errc::client_gone, Side::client, error}
                     : Failure{Errc::peer_closed, Side::origin, error};
}

bool Tunnel::has_told_end(const net::ByteStream& side) const {
    return &side == &to_origin_.from ? to_origin_.has_ended : to_client_.has_ended;
}

void Tunnel::cut(const Failure& why) noexcept {
    if (is_over_) return;
    is_over_ = true;
    failure_ = why;
    to_origin_.from.abort();
    to_origin_.to.abort();
}

// Closed, what was sent is still on its way; but nobody shall take for whole what is held here.
void Tunnel::stop() noexcept {
    is_over_ = true;
    for (Way* const way : {&to_origin_, &to_client_}) {
        way->held.empty() ? way->to.close() : way->to.abort();
    }
}

void Tunnel::note_activity() {
    watchdog_.arm(Deadline::after(loop_.now(), is_parting_ ? parting_time : means_.inactivity));
}

// A side that is parted from has not ended its own: nobody shall take for whole what it said so
// far.
void Tunnel::expire() noexcept {
    if (!is_parting_) {
        failure_ = Failure{Errc::tunnel_timed_out, Side::self};
        return stop();
    }
    is_over_ = true;
    for (Way* const way : {&to_origin_, &to_client_}) {
        if (!way->held.empty()) failure_ = end_of(way->to, {});
        way->has_ended ? way->to.close() : way->to.abort();
    }
}

}  // namespace nikawa::proxy
