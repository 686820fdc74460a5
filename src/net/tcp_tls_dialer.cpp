#include "nikawa/net/tcp_tls_dialer.hpp"

#include <utility>

#include "net/connect_race.hpp"
#include "net/openssl.hpp"
#include "nikawa/net/tcp_stream.hpp"

namespace nikawa::net {
namespace {

// Whether another address of the same host may fare better: this one hung up on the handshake. A
// host that answers in TLS has spoken, and speaks for all its addresses.
bool is_hang_up(const Failure& failure) {
    return failure.code == Errc::tls_failed &&
           (failure.cause.category() == boost::system::system_category() ||
            failure.cause == truncated_error());
}

// Stands in the dialer's list of what can be cancelled as long as it lives.
template <class T>
class Listed {
public:
    Listed(std::vector<T*>& list, T& item) : list_(list), item_(&item) { list_.push_back(item_); }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { std::erase(list_, item_); }

private:
    std::vector<T*>& list_;
    T* item_;
};

}  // namespace

void TcpTlsDialer::cancel() noexcept {
    cancelled_ = true;
    for (ConnectRace* race : connecting_) race->cancel();
    for (TlsStream* stream : shaking_hands_) stream->close();
}

Task<Result<Dialled>> TcpTlsDialer::dial(const http::Origin& origin) {
    const http::Origin target = origin;  // the caller's may go while we wait
    const auto started = event_loop_.loop().now();
    const auto resolve_deadline = Deadline::after(started, settings_.resolve_timeout);
    const auto addresses = co_await resolver_.resolve(target.host, resolve_deadline);
    if (!addresses) co_return addresses.error();

    const auto resolve_time = event_loop_.loop().now() - started;
    Addresses untried = interleaved(*addresses);
    for (;;) {
        auto dialled = co_await dial_one_of(target, untried);
        if (dialled) {
            dialled->times.resolve = resolve_time;
            co_return dialled;
        }
        if (cancelled_ || untried.empty() || !is_hang_up(dialled.error())) co_return dialled;
    }
}

Task<Result<Dialled>> TcpTlsDialer::dial_one_of(const http::Origin& origin, Addresses& untried) {
    loop::Loop& loop = event_loop_.loop();
    const auto started = loop.now();
    ConnectRace race{event_loop_, untried, origin.port, settings_.next_address_after};
    if (cancelled_) race.cancel();
    const Listed listed_race{connecting_, race};
    auto winner = co_await race.run(Deadline::after(started, settings_.connect_timeout));
    if (!winner) co_return winner.error();

    const auto connected = loop.now();
    send_at_once(winner->fd.get());
    detect_dead_peer(winner->fd.get(), settings_.unacknowledged);
    Dialled dialled;
    dialled.times.connect = connected - started;
    if (origin.scheme == http::Scheme::http) {
        dialled.stream =
            std::make_unique<TcpStream>(event_loop_, std::move(winner->fd), winner->peer);
        co_return dialled;
    }

    auto stream = tls_.open(event_loop_, std::move(winner->fd), winner->peer, origin);
    const Listed listed_stream{shaking_hands_, *stream};
    const auto shaken =
        co_await stream->handshake(Deadline::after(connected, settings_.tls_timeout));
    if (!shaken) co_return shaken.error();
    dialled.times.tls = loop.now() - connected;
    dialled.protocol = stream->protocol();
    dialled.stream = std::move(stream);
    co_return dialled;
}

}  // namespace nikawa::net
