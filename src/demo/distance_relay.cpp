#include "demo/distance_relay.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "demo/delay_line.hpp"
#include "demo/serve.hpp"

namespace nikawa::demo {
namespace {

constexpr std::size_t flight_bytes = 64 * 1024;
constexpr int flights_per_turn = 16;  // of one side: the others are served in time, too

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/// Closes so that the peer sees a reset rather than an end.
void reset(net::UniqueFd& socket) {
    const linger at_once{1, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket.reset();
}

/// One connection through the relay. Each side's socket closes when both its halves are over.
class RelayedConnection {
public:
    RelayedConnection(net::UniqueFd client, net::UniqueFd origin, Duration rtt)
        : sides_{Side{std::move(client), DelayLine{rtt / 2, rtt}},
                 Side{std::move(origin), DelayLine{rtt / 2, Duration::zero()}}} {}

    [[nodiscard]] std::array<pollfd, 2> polled() const {
        return {sides_[0].polled(), sides_[1].polled()};
    }

    [[nodiscard]] TimePoint next_due() const {
        const auto due = [](const Side& from, const Side& to) {
            return to.blocked ? TimePoint::max() : from.sent.next_due();
        };
        return std::min(due(sides_[0], sides_[1]), due(sides_[1], sides_[0]));
    }

    [[nodiscard]] bool is_over() const { return !sides_[0].socket && !sides_[1].socket; }

    /// Reads what came and delivers what is due.
    void advance(std::span<const pollfd> polled) {
        for (std::size_t i = 0; i < 2; ++i) {
            Side& side = sides_[i];
            Side& other = sides_[1 - i];
            const bool broken = (polled[i].revents & (POLLERR | POLLHUP)) != 0;
            if ((polled[i].revents & POLLOUT) != 0) side.blocked = false;
            if (side.input_over && broken) break_off(side, other);
            if (!side.input_over && (broken || (polled[i].revents & POLLIN) != 0)) {
                receive(side, other);
            }
        }
        deliver(sides_[0], sides_[1]);
        deliver(sides_[1], sides_[0]);
    }

private:
    struct Side {
        net::UniqueFd socket;
        DelayLine sent;  // by this side, on its way to the other
        bool input_over = false;
        bool output_over = false;
        bool blocked = false;  // its socket takes no more for now

        [[nodiscard]] pollfd polled() const {
            const bool reads = !input_over && !sent.is_full();
            const int events = (reads ? POLLIN : 0) | (blocked ? POLLOUT : 0);
            // A full line's socket is left alone, because an end that we do not read yet would
            // wake us over and over. One whose input is over still tells of a reset.
            const bool wanted = events != 0 || input_over;
            return {wanted ? socket.get() : -1, static_cast<short>(events), 0};
        }

        void close_if_over() {
            if (input_over && output_over) socket.reset();
        }
    };

    static void receive(Side& side, Side& other) {
        std::array<char, flight_bytes> bytes;
        for (int flights = 0; flights < flights_per_turn && !side.sent.is_full(); ++flights) {
            const auto got = ::recv(side.socket.get(), bytes.data(), bytes.size(), 0);
            if (got < 0 && would_block()) return;
            if (got < 0) return break_off(side, other);
            // Stamped after the read: nothing is delivered too early.
            const auto now = std::chrono::steady_clock::now();
            if (got == 0) {
                side.sent.send(DelayLine::Kind::end, {}, now);
                side.input_over = true;
                return side.close_if_over();
            }
            std::string flight(bytes.data(), static_cast<std::size_t>(got));
            side.sent.send(DelayLine::Kind::bytes, std::move(flight), now);
        }
    }

    /// `side` has broken its connection: what was on its way to it is lost, and the other side
    /// learns of it half a round trip later.
    static void break_off(Side& side, Side& other) {
        side.socket.reset();
        side.input_over = side.output_over = true;
        side.sent.send(DelayLine::Kind::reset, {}, std::chrono::steady_clock::now());
        other.input_over = true;
        other.sent.clear();
    }

    static void deliver(Side& from, Side& to) {
        const auto now = std::chrono::steady_clock::now();
        while (const DelayLine::Flight* flight = from.sent.arrived(now)) {
            if (!to.socket) return from.sent.clear();
            switch (flight->kind) {
                case DelayLine::Kind::bytes: {
                    const Bytes rest = flight->rest();
                    const auto sent =
                        ::send(to.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
                    if (sent >= 0) {
                        from.sent.take(static_cast<std::size_t>(sent));
                        break;
                    }
                    if (!would_block()) return break_off(to, from);
                    to.blocked = true;
                    return;
                }
                case DelayLine::Kind::end:
                    ::shutdown(to.socket.get(), SHUT_WR);
                    from.sent.take(0);
                    to.output_over = true;
                    to.close_if_over();
                    break;
                case DelayLine::Kind::reset: reset(to.socket); break;
            }
        }
    }

    std::array<Side, 2> sides_;
};

}  // namespace

DistanceRelay::DistanceRelay(std::uint16_t origin_port, Duration rtt)
    : origin_port_(origin_port),
      rtt_(std::max(rtt, Duration::zero())),
      listener_(listen_on_loopback()),
      port_(port_of(listener_)),
      thread_([this](const StopSignal& stop) { run(stop); }) {}

void DistanceRelay::run(const StopSignal& stop) const {
    serve<RelayedConnection>(listener_, stop, [this](auto& connections, net::UniqueFd client) {
        net::UniqueFd origin = begin_connect(origin_port_);
        if (!origin) return reset(client);
        connections.emplace_back(std::move(client), std::move(origin), rtt_);
    });
}

}  // namespace nikawa::demo
