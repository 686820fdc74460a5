#include "nikawa/net/tcp_tls_dialer.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/address_book.hpp"
#include "net/connect_race.hpp"
#include "net/openssl.hpp"
#include "nikawa/net/tcp_stream.hpp"

namespace nikawa::net {
namespace {

// Of HTTP/2, on its way to the kernel's queue: a request that comes while another sends a long body
// would wait there for what is before it, and here it goes first. Without a limit a link of
// 20 Mbit/s was seen to have 1 MB before it, 0.4 s; with it under 0.1 s. Nor does it take from the
// rate: what is sent and not yet acknowledged does not count.
constexpr std::size_t unsent_in_kernel = 128 * 1024;

// Whether another address of the same host may fare better: this one hung up on the handshake. A
// host that answers in TLS has spoken, and speaks for all its addresses.
bool is_hang_up(const Failure& failure) {
    return failure.code == Errc::tls_failed &&
           (failure.cause.category() == boost::system::system_category() ||
            failure.cause == truncated_error());
}

// What the kernel would say later of an address that does not answer.
const boost::system::error_code unreachable{ETIMEDOUT, boost::system::system_category()};

bool is_silence_or_hang_up(const Failure& failure) {
    return failure.code == Errc::tls_timed_out || is_hang_up(failure);
}

// The first SYN is sent again, without data, after so long (RFC 6298 §2.1).
constexpr Duration fast_open_timeout = std::chrono::seconds{1};

// What leaves with a SYN may arrive twice, which is nothing to a ClientHello, nor to early data.
ConnectRace::Opening opening(const DialSettings& settings, http::Scheme scheme) {
    const bool is_fast = settings.fast_open && scheme == http::Scheme::https;
    return is_fast ? ConnectRace::Opening::fast : ConnectRace::Opening::plain;
}

// Where the SYN waited for the ClientHello, the race was won by an address that has not answered,
// and those that were not tried wait for the end of its handshake.
Duration unanswered_timeout(Duration tls_timeout) {
    if (tls_timeout <= Duration::zero()) return fast_open_timeout;
    return std::min(tls_timeout, fast_open_timeout);
}

// Of the addresses of an origin those that may be connected to; if none may, why the first may not.
Result<Addresses> allowed_of(const http::Origin& origin,
                             const Addresses& addresses,
                             const AddressRules* rules) {
    if (rules == nullptr) return addresses;
    Addresses allowed;
    std::optional<Failure> refused;
    for (const auto& address : addresses) {
        const auto refusal = rules->refuse(origin, address);
        if (!refusal) allowed.push_back(address);
        if (!refused) refused = refusal;
    }
    if (allowed.empty() && refused) return *refused;
    return allowed;
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

TcpTlsDialer::TcpTlsDialer(EventLoop& event_loop,
                           Resolver& resolver,
                           TlsContext& tls,
                           const DialSettings& settings,
                           DescriptorRelief* relief)
    : event_loop_(event_loop),
      resolver_(resolver),
      tls_(tls),
      settings_(settings),
      relief_(relief),
      addresses_(std::make_unique<AddressBook>(settings.avoid_failed)) {}

TcpTlsDialer::~TcpTlsDialer() = default;

void TcpTlsDialer::cancel() noexcept {
    cancelled_ = true;
    for (ConnectRace* race : connecting_) race->cancel();
    for (TlsStream* stream : shaking_hands_) stream->close();
}

Task<DialResult<Dialled>> TcpTlsDialer::dial(const http::Origin& origin, DialMode mode) {
    const http::Origin target = origin;  // the caller's may go while we wait
    const auto started = event_loop_.loop().now();
    const auto addresses = co_await resolve(target.host);
    if (!addresses) co_return addresses.error();

    const auto allowed = allowed_of(target, *addresses, settings_.rules);
    if (!allowed) co_return allowed.error();
    const auto resolved = event_loop_.loop().now();
    Addresses untried = addresses_->order(target.to_string(), *allowed, resolved);
    for (;;) {
        auto dialled = co_await dial_one_of(target, mode, untried);
        if (dialled) {
            dialled->times.resolve = resolved - started;
            co_return dialled;
        }
        if (cancelled_ || untried.empty() || !is_hang_up(dialled.error())) co_return dialled;
    }
}

Task<Result<Addresses>> TcpTlsDialer::resolve(const std::string& host) {
    const auto deadline = Deadline::after(event_loop_.loop().now(), settings_.resolve_timeout);
    for (;;) {
        auto addresses = co_await resolver_.resolve(host, deadline);
        const bool lacks_descriptor =
            !addresses && addresses.error().code == Errc::descriptors_exhausted;
        if (!lacks_descriptor || relief_ == nullptr || !relief_->let_one_go()) co_return addresses;
    }
}

void TcpTlsDialer::avoid(const http::Origin& origin, const IpAddress& address) {
    addresses_->failed(origin.to_string(), address, event_loop_.loop().now());
}

Deadline TcpTlsDialer::keep_resolved(const http::Origin& origin) {
    return resolver_.keep_fresh(origin.host);
}

bool TcpTlsDialer::has_left(const http::Origin& origin, const IpAddress& address) const {
    return resolver_.has_left(origin.host, address);
}

Task<DialResult<Dialled>> TcpTlsDialer::dial_one_of(const http::Origin& origin,
                                                    DialMode mode,
                                                    Addresses& untried) {
    const auto started = event_loop_.loop().now();
    ConnectRace race{event_loop_,
                     untried,
                     origin.port,
                     settings_.next_address_after,
                     opening(settings_, origin.scheme),
                     relief_};
    if (cancelled_) race.cancel();
    const Listed listed{connecting_, race};
    auto winner = co_await race.run(Deadline::after(started, settings_.connect_timeout));
    for (const IpAddress& address : race.failed()) avoid(origin, address);
    if (!winner) co_return DialFailure{winner.error(), race.failed_last()};

    const Endpoint peer = winner->peer;
    const auto connect_time = event_loop_.loop().now() - started;
    send_at_once(winner->fd.get());
    detect_dead_peer(winner->fd.get(), settings_.unacknowledged);
    const bool is_unanswered = winner->is_held && !untried.empty();
    const auto tls_timeout =
        is_unanswered ? unanswered_timeout(settings_.tls_timeout) : settings_.tls_timeout;
    auto dialled = co_await begin(origin, mode, std::move(winner->fd), peer, tls_timeout);
    if (!dialled) {
        if (is_unanswered && dialled.error().code == Errc::tls_timed_out) {
            dialled = Failure{Errc::tls_failed, Side::origin, unreachable};
        }
        if (!cancelled_ && is_silence_or_hang_up(dialled.error())) avoid(origin, peer.address);
        co_return DialFailure{dialled.error(), peer};
    }
    if (dialled->stream->is_confirmed()) addresses_->worked(origin.to_string(), peer.address);
    dialled->address = peer.address;
    if (!winner->is_held) dialled->times.connect = connect_time;
    co_return std::move(*dialled);
}

Task<Result<Dialled>> TcpTlsDialer::begin(
    const http::Origin& origin, DialMode mode, UniqueFd fd, Endpoint peer, Duration tls_timeout) {
    Dialled dialled;
    if (origin.scheme == http::Scheme::http) {
        dialled.stream = std::make_unique<TcpStream>(event_loop_, std::move(fd), peer);
        co_return dialled;
    }

    const auto started = event_loop_.loop().now();
    const int number = fd.get();
    auto stream = tls_.open(event_loop_, std::move(fd), peer, origin, mode);
    const Listed listed{shaking_hands_, *stream};
    const auto deadline = Deadline::after(started, tls_timeout);
    if (mode != DialMode::early || !stream->begin_early(deadline)) {
        const auto shaken = co_await stream->handshake(deadline);
        if (!shaken) co_return shaken.error();
    }
    dialled.times.tls = event_loop_.loop().now() - started;
    dialled.protocol = stream->protocol();
    dialled.resumed = stream->is_resumed();
    if (dialled.protocol == Protocol::http_2) limit_unsent(number, unsent_in_kernel);
    dialled.stream = std::move(stream);
    co_return dialled;
}

}  // namespace nikawa::net
