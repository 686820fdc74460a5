#include "nikawa/net/dns_resolver.hpp"

#include <ares.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "net/socket_address.hpp"
#include "net/wait_limit.hpp"
#include "nikawa/base/library_category.hpp"

namespace nikawa::net {
namespace {

using std::chrono::seconds;

constexpr seconds shortest_life{1};
constexpr seconds longest_life{3600};
constexpr seconds life_in_hosts_file{60};  // which says nothing about it
constexpr seconds life_of_failure{1};      // so that a burst asks once

constexpr std::size_t max_names = 4096;

std::string dns_message(int status) { return ares_strerror(status); }

const LibraryCategory dns_category{"dns", dns_message};

Failure dns_failure(int status) {
    const auto code = status == ARES_ETIMEOUT ? Errc::resolve_timed_out : Errc::resolve_failed;
    return {code, Side::origin, {status, dns_category}};
}

struct Answer {
    Result<Addresses> addresses = Failure{Errc::resolve_failed, Side::origin};
    seconds life = life_of_failure;
};

// What an alias leads to lives no longer than the alias (RFC 1034 §3.6.2).
Answer answer_of(const ares_addrinfo& found) {
    Addresses addresses;
    seconds life = longest_life;
    for (const auto* node = found.nodes; node != nullptr; node = node->ai_next) {
        SocketAddress address;
        if (node->ai_addrlen > sizeof address.storage) continue;
        std::memcpy(&address.storage, node->ai_addr, node->ai_addrlen);
        const auto endpoint = address.endpoint();
        if (!endpoint) continue;
        addresses.push_back(endpoint->address);
        life = std::min(life, seconds{node->ai_ttl});
    }
    for (const auto* alias = found.cnames; alias != nullptr; alias = alias->next) {
        life = std::min(life, seconds{alias->ttl});
    }
    if (addresses.empty()) return {dns_failure(ARES_ENODATA)};
    return {std::move(addresses), std::max(life, shortest_life)};
}

// A coroutine in `resolve()`.
struct Waiter {
    explicit Waiter(loop::Loop& loop) : answered(loop) {}

    loop::Event answered;
    std::optional<Result<Addresses>> addresses;
};

}  // namespace

struct DnsResolver::Impl final : private loop::Expirable {
    // One name. It stays where it is while it is asked for; only then has it waiters.
    struct Name {
        Impl* resolver = nullptr;
        Result<Addresses> addresses = Failure{Errc::resolve_failed, Side::origin};
        TimePoint expires{};
        bool is_asked_for = false;
        std::vector<Waiter*> waiters;
    };

    // A socket of c-ares, which opens and closes it.
    class QuerySocket final : private Pollable {
    public:
        QuerySocket(Impl& resolver, int fd) : resolver_(resolver), fd_(fd) {}
        QuerySocket(const QuerySocket&) = delete;
        QuerySocket& operator=(const QuerySocket&) = delete;
        ~QuerySocket() {
            poller().forget(*this);
            if (watched_) poller().remove(fd_);
        }

        void watch(std::uint32_t events) noexcept {
            const int error =
                watched_ ? poller().change(fd_, events, *this) : poller().add(fd_, events, *this);
            watched_ = watched_ || error == 0;  // if not, c-ares runs into its timeout
        }

    private:
        void ready(std::uint32_t events) noexcept override {
            constexpr std::uint32_t readable = EPOLLIN | EPOLLERR | EPOLLHUP;
            resolver_.process((events & readable) != 0 ? fd_ : ARES_SOCKET_BAD,
                              (events & EPOLLOUT) != 0 ? fd_ : ARES_SOCKET_BAD);
        }

        [[nodiscard]] Poller& poller() const noexcept { return resolver_.event_loop.poller(); }

        Impl& resolver_;
        int fd_;
        bool watched_ = false;
    };

    Impl(EventLoop& given_loop, const DnsSettings& settings);
    ~Impl() { ares_destroy(channel); }

    Name& name(const std::string& host);
    void ask(const std::string& host, Name& name);
    void answer(Name& name, Answer answer);
    void process(int readable, int writable) noexcept;
    void set_timer() noexcept;
    void expire() noexcept override { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

    static void on_answer(void* name, int status, int timeouts, ares_addrinfo* found) noexcept;
    static void on_socket(void* resolver, int fd, int readable, int writable) noexcept;

    EventLoop& event_loop;
    std::unordered_map<std::string, Name> names;
    std::map<int, QuerySocket> sockets;
    loop::Watchdog timer;
    ares_channel channel = nullptr;
    bool is_asking = false;  // within ares_getaddrinfo(): what answers now is the hosts file
    bool is_cancelled = false;
};

DnsResolver::Impl::Impl(EventLoop& given_loop, const DnsSettings& settings)
    : event_loop(given_loop), timer(given_loop.loop().deadlines(), *this) {
    ares_library_init(ARES_LIB_INIT_ALL);
    ares_options options{};
    char lookups[] = "fb";  // the hosts file, then DNS
    options.flags = ARES_FLAG_NOSEARCH;
    options.timeout = static_cast<int>(settings.query_timeout.count());
    options.tries = settings.tries;
    options.ndomains = 0;
    options.lookups = lookups;
    options.sock_state_cb = on_socket;
    options.sock_state_cb_data = this;
    const int status =
        ares_init_options(&channel,
                          &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_DOMAINS |
                              ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) {
        throw std::runtime_error{std::string{"cannot set up DNS: "} + ares_strerror(status)};
    }
    if (settings.servers.empty()) return;

    std::string list;
    for (const std::string& server : settings.servers) {
        list.append(list.empty() ? "" : ",").append(server);
    }
    if (ares_set_servers_ports_csv(channel, list.c_str()) != ARES_SUCCESS) {
        ares_destroy(channel);
        throw std::runtime_error{"not a list of name servers (ADDRESS or ADDRESS:PORT): " + list};
    }
}

DnsResolver::Impl::Name& DnsResolver::Impl::name(const std::string& host) {
    if (names.size() >= max_names && !names.contains(host)) {
        const auto now = event_loop.loop().now();
        std::erase_if(names, [=](const auto& entry) {
            return !entry.second.is_asked_for && entry.second.expires <= now;
        });
        if (names.size() >= max_names) {
            std::erase_if(names, [](const auto& entry) { return !entry.second.is_asked_for; });
        }
    }
    Name& found = names[host];
    found.resolver = this;
    return found;
}

void DnsResolver::Impl::ask(const std::string& host, Name& name) {
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    name.is_asked_for = true;
    is_asking = true;
    ares_getaddrinfo(channel, host.c_str(), nullptr, &hints, on_answer, &name);
    is_asking = false;
    set_timer();
}

void DnsResolver::Impl::answer(Name& name, Answer answer) {
    name.is_asked_for = false;
    name.addresses = std::move(answer.addresses);
    name.expires = event_loop.loop().now() + answer.life;
    for (Waiter* const waiter : name.waiters) {
        waiter->addresses = name.addresses;
        waiter->answered.notify();
    }
    name.waiters.clear();
}

void DnsResolver::Impl::process(int readable, int writable) noexcept {
    ares_process_fd(channel, readable, writable);
    set_timer();
}

void DnsResolver::Impl::set_timer() noexcept {
    timeval wait{};
    if (ares_timeout(channel, nullptr, &wait) == nullptr) return timer.disarm();
    // A millisecond more, for c-ares has its own clock and must not find that it is too early.
    timer.arm(Deadline{event_loop.loop().now() + seconds{wait.tv_sec} +
                       std::chrono::microseconds{wait.tv_usec} + std::chrono::milliseconds{1}});
}

void DnsResolver::Impl::on_answer(void* name,
                                  int status,
                                  int /*timeouts*/,
                                  ares_addrinfo* found) noexcept {
    Name& asked = *static_cast<Name*>(name);
    Answer answer = found != nullptr && status == ARES_SUCCESS ? answer_of(*found)
                                                               : Answer{dns_failure(status)};
    if (found != nullptr) ares_freeaddrinfo(found);
    if (asked.resolver->is_asking && answer.addresses) answer.life = life_in_hosts_file;
    asked.resolver->answer(asked, std::move(answer));
}

void DnsResolver::Impl::on_socket(void* resolver, int fd, int readable, int writable) noexcept {
    auto& impl = *static_cast<Impl*>(resolver);
    if (readable == 0 && writable == 0) {
        impl.sockets.erase(fd);
        return;
    }
    const std::uint32_t events = (readable != 0 ? std::uint32_t{EPOLLIN} : 0U) |
                                 (writable != 0 ? std::uint32_t{EPOLLOUT} : 0U);
    impl.sockets.try_emplace(fd, impl, fd).first->second.watch(events);
}

DnsResolver::DnsResolver(EventLoop& event_loop, const DnsSettings& settings)
    : impl_(std::make_unique<Impl>(event_loop, settings)) {}

DnsResolver::~DnsResolver() = default;

Task<Result<Addresses>> DnsResolver::resolve(std::string host, Deadline deadline) {
    if (const auto literal = IpAddress::parse(host)) co_return Addresses{*literal};
    if (impl_->is_cancelled) co_return dns_failure(ARES_ECANCELLED);

    loop::Loop& loop = impl_->event_loop.loop();
    Impl::Name& name = impl_->name(host);
    if (!name.is_asked_for && loop.now() < name.expires) co_return name.addresses;

    Waiter waiter{loop};
    name.waiters.push_back(&waiter);
    if (!name.is_asked_for) impl_->ask(host, name);
    const WaitLimit limit{loop, waiter.answered, deadline};
    while (!waiter.addresses && !limit.has_expired()) co_await waiter.answered.wait();
    if (waiter.addresses) co_return *std::move(waiter.addresses);
    std::erase(name.waiters, &waiter);  // the name is still asked for, so it is still there
    co_return Failure{Errc::resolve_timed_out, Side::origin};
}

void DnsResolver::cancel() noexcept {
    impl_->is_cancelled = true;
    ares_cancel(impl_->channel);
    impl_->set_timer();
}

}  // namespace nikawa::net
