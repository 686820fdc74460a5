#include "net/connect_race.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/socket_address.hpp"
#include "net/wait_limit.hpp"

namespace nikawa::net {

Addresses interleaved(const Addresses& addresses) {
    Addresses order = addresses;
    if (order.empty()) return order;
    const bool first_is_v6 = order.front().is_v6();
    const auto others = std::stable_partition(
        order.begin(), order.end(), [=](const IpAddress& a) { return a.is_v6() == first_is_v6; });
    const Addresses second{others, order.end()};
    order.erase(others, order.end());
    for (std::size_t i = 0; i < second.size(); ++i) {
        const auto at = std::min(2 * i + 1, order.size());
        order.insert(order.begin() + static_cast<std::ptrdiff_t>(at), second[i]);
    }
    return order;
}

class ConnectRace::Attempt final : private SocketListener {
public:
    Attempt(ConnectRace& race, UniqueFd fd, const Endpoint& peer)
        : progress_(race.progress_),
          socket_(race.event_loop_.poller(), std::move(fd), *this, Socket::State::connecting),
          peer_(peer) {
        socket_.want_writable();
    }

    /// Whether it is decided: `error()` is how.
    [[nodiscard]] bool is_over() noexcept { return socket_.want_writable(); }
    [[nodiscard]] int error() const noexcept { return socket_.connect_error(); }

    Winner take() noexcept { return {socket_.release(), peer_}; }

private:
    void socket_ready(bool /*readable*/, bool writable) noexcept override {
        if (writable) progress_.notify();
    }

    loop::Event& progress_;
    Socket socket_;
    Endpoint peer_;
};

ConnectRace::ConnectRace(EventLoop& event_loop,
                         Addresses& untried,
                         std::uint16_t port,
                         Duration stagger)
    : event_loop_(event_loop),
      untried_(untried),
      port_(port),
      stagger_(stagger),
      progress_(event_loop.loop()) {}

ConnectRace::~ConnectRace() = default;

Task<Result<ConnectRace::Winner>> ConnectRace::run(Deadline deadline) {
    loop::Loop& loop = event_loop_.loop();
    auto next_start = loop.now();
    for (;;) {
        if (const auto connected = take_connected()) co_return connected->take();
        const auto now = loop.now();
        if (cancelled_) co_return failed_with(ECANCELED);
        if (deadline.at() <= now) co_return Failure{Errc::connect_timed_out, Side::origin};
        if (!untried_.empty() && (attempts_.empty() || next_start <= now)) {
            start_next();
            next_start = now + stagger_;
            continue;
        }
        if (attempts_.empty()) co_return failed_with(last_error_);
        const Deadline next = untried_.empty() ? Deadline::none() : Deadline{next_start};
        const WaitLimit limit{loop, progress_, std::min(next, deadline)};
        co_await progress_.wait();
    }
}

void ConnectRace::cancel() noexcept {
    cancelled_ = true;
    progress_.notify();
}

void ConnectRace::start_next() {
    const Endpoint peer{untried_.front(), port_};
    untried_.erase(untried_.begin());
    const int family = peer.address.is_v6() ? AF_INET6 : AF_INET;
    UniqueFd fd{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    SocketAddress address{peer};
    if (!fd || (::connect(fd.get(), address.get(), address.size) != 0 && errno != EINPROGRESS)) {
        note_error(errno);
        return;
    }
    attempts_.push_back(std::make_unique<Attempt>(*this, std::move(fd), peer));
}

// That this host has no IPv6 is the least of the reasons to tell.
void ConnectRace::note_error(int error) noexcept {
    if (last_error_ == 0 || error != ENETUNREACH) last_error_ = error;
}

Failure ConnectRace::failed_with(int error) {
    return {Errc::connect_failed, Side::origin, {error, boost::system::system_category()}};
}

// Attempts that failed are dropped on the way.
std::unique_ptr<ConnectRace::Attempt> ConnectRace::take_connected() {
    for (auto at = attempts_.begin(); at != attempts_.end();) {
        if (!(*at)->is_over()) {
            ++at;
            continue;
        }
        auto attempt = std::move(*at);
        at = attempts_.erase(at);
        const int error = attempt->error();
        if (error == 0) return attempt;
        note_error(error);
    }
    return nullptr;
}

}  // namespace nikawa::net
