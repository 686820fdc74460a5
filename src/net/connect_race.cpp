#include "net/connect_race.hpp"

#include <netinet/tcp.h>

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

namespace {

// A kernel that does not know it connects as ever.
void open_fast(int fd) noexcept {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
}

}  // namespace

class ConnectRace::Attempt final : private SocketListener {
public:
    Attempt(ConnectRace& race, UniqueFd fd, const Endpoint& peer, bool is_held)
        : progress_(race.progress_),
          socket_(race.event_loop_.poller(), std::move(fd), *this, Socket::State::connecting),
          peer_(peer),
          started_(race.event_loop_.loop().now()),
          is_held_(is_held) {
        socket_.want_writable();
    }

    /// Whether it is decided: `error()` is how.
    [[nodiscard]] bool is_over() noexcept { return socket_.want_writable(); }
    [[nodiscard]] int error() const noexcept { return socket_.connect_error(); }

    [[nodiscard]] const Endpoint& peer() const noexcept { return peer_; }
    [[nodiscard]] TimePoint started() const noexcept { return started_; }

    Winner take() noexcept { return {socket_.release(), peer_, is_held_}; }

private:
    void socket_ready(bool /*readable*/, bool writable) noexcept override {
        if (writable) progress_.notify();
    }

    loop::Event& progress_;
    Socket socket_;
    Endpoint peer_;
    TimePoint started_;
    bool is_held_;
};

ConnectRace::ConnectRace(EventLoop& event_loop,
                         Addresses& untried,
                         std::uint16_t port,
                         Duration stagger,
                         Opening opening,
                         DescriptorRelief* relief)
    : event_loop_(event_loop),
      untried_(untried),
      port_(port),
      stagger_(stagger),
      opening_(opening),
      relief_(relief),
      progress_(event_loop.loop()) {}

ConnectRace::~ConnectRace() = default;

Task<Result<ConnectRace::Winner>> ConnectRace::run(Deadline deadline) {
    loop::Loop& loop = event_loop_.loop();
    auto next_start = loop.now();
    for (;;) {
        if (const auto connected = take_connected()) {
            note_unanswered(connected->started());
            co_return connected->take();
        }
        const auto now = loop.now();
        if (cancelled_) co_return failed_with(ECANCELED);
        if (deadline.at() <= now) {
            note_unanswered(now);
            if (!attempts_.empty()) failed_last_ = attempts_.back()->peer();
            co_return Failure{Errc::connect_timed_out, Side::origin};
        }
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
    UniqueFd fd = open_socket(peer.address);
    SocketAddress address{peer};
    if (!fd) return note_error({}, errno);
    if (opening_ == Opening::fast) open_fast(fd.get());
    const bool is_done = ::connect(fd.get(), address.get(), address.size) == 0;
    if (!is_done && errno != EINPROGRESS) return note_failed(peer, errno);
    const bool is_held = is_done && opening_ == Opening::fast;
    attempts_.push_back(std::make_unique<Attempt>(*this, std::move(fd), peer, is_held));
}

UniqueFd ConnectRace::open_socket(const IpAddress& address) const noexcept {
    const int family = address.is_v6() ? AF_INET6 : AF_INET;
    for (;;) {
        UniqueFd fd{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        if (fd || !is_out_of_descriptors(errno)) return fd;
        if (relief_ == nullptr || !relief_->let_one_go()) {
            errno = EMFILE;
            return fd;
        }
    }
}

void ConnectRace::note_failed(const Endpoint& peer, int error) {
    failed_.push_back(peer.address);
    note_error(peer, error);
}

void ConnectRace::note_unanswered(TimePoint started_before) {
    for (const auto& attempt : attempts_) {
        if (attempt->started() < started_before) failed_.push_back(attempt->peer().address);
    }
}

// That this host has no IPv6 is the least of the reasons to tell.
void ConnectRace::note_error(std::optional<Endpoint> peer, int error) noexcept {
    if (last_error_ != 0 && error == ENETUNREACH) return;
    last_error_ = error;
    failed_last_ = peer;
}

Failure ConnectRace::failed_with(int error) {
    const boost::system::error_code cause{error, boost::system::system_category()};
    if (is_out_of_descriptors(error)) return {Errc::descriptors_exhausted, Side::self, cause};
    return {Errc::connect_failed, Side::origin, cause};
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
        note_failed(attempt->peer(), error);
    }
    return nullptr;
}

}  // namespace nikawa::net
