#include "nikawa/net/dns_resolver.hpp"

#include <ares.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "net/name_record.hpp"
#include "net/socket_address.hpp"
#include "net/wait_limit.hpp"
#include "nikawa/base/library_category.hpp"
#include "nikawa/net/descriptor_relief.hpp"

namespace nikawa::net {
namespace {

using std::chrono::seconds;

constexpr seconds shortest_life{1};
constexpr seconds longest_life{3600};
constexpr seconds life_in_hosts_file{60};  // which says nothing about it

constexpr std::size_t max_names = 4096;

// How often it is looked whether the system's configuration has changed, while there are queries.
constexpr seconds between_looks{2};

// How often a query on its way is asked after by who keeps a name fresh.
constexpr std::chrono::milliseconds between_calls{500};

std::string dns_message(int status) { return ares_strerror(status); }

const LibraryCategory dns_category{"dns", dns_message};

Failure dns_failure(int status) {
    const auto code = status == ARES_ETIMEOUT ? Errc::resolve_timed_out : Errc::resolve_failed;
    return {code, Side::origin, {status, dns_category}};
}

// c-ares tells of a socket that it could not open as of a server that refuses.
constexpr Failure no_descriptor{Errc::descriptors_exhausted, Side::self};

bool says_nothing(int status) {
    return status != ARES_SUCCESS && status != ARES_ENOTFOUND && status != ARES_ENODATA &&
           status != ARES_ECANCELLED;
}

struct Answer {
    Addresses addresses;  // empty: there are none
    seconds life{};
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
    return {std::move(addresses), std::max(life, shortest_life)};
}

// Which no name server is asked for (RFC 6761 §6.3).
bool is_localhost(std::string_view host) {
    return host == "localhost" || host.ends_with(".localhost");
}

Addresses loopback() {
    const auto address = [](std::string_view text) { return IpAddress::parse(text).value(); };
    return {address("127.0.0.1"), address("::1")};
}

// Tells a file from what it was before.
using FileStamp = std::tuple<dev_t, ino_t, off_t, time_t, long>;

std::optional<FileStamp> stamp_of(const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return std::nullopt;
    const auto& modified = found.st_mtim;
    return FileStamp{found.st_dev, found.st_ino, found.st_size, modified.tv_sec, modified.tv_nsec};
}

struct DestroyChannel {
    void operator()(ares_channeldata* channel) const noexcept { ares_destroy(channel); }
};
using Channel = std::unique_ptr<ares_channeldata, DestroyChannel>;

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
        Impl& resolver;
        NameRecord record;
        const std::string* host = nullptr;
        std::vector<Waiter*> waiters = {};
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

    Impl(EventLoop& given_loop, DnsSettings given_settings);

    [[nodiscard]] bool asks_no_hosts_file() const { return !settings.servers.empty(); }
    int open(Channel& opened);
    void follow_system();
    void make_room();
    Name& name(const std::string& host);
    std::optional<Failure> ask(Name& name);
    void send_query(Name& name);
    void settle(Name& name, const Failure& failure);
    void process(int readable, int writable) noexcept;
    void set_timer() noexcept;
    void expire() noexcept override { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

    static void on_answer(void* name, int status, int timeouts, ares_addrinfo* found) noexcept;
    static void on_socket(void* resolver, int fd, int readable, int writable) noexcept;

    EventLoop& event_loop;
    DnsSettings settings;
    std::unordered_map<std::string, Name> names;
    std::map<int, QuerySocket> sockets;
    loop::Watchdog timer;
    std::optional<FileStamp> system_stamp;
    TimePoint looked_at;
    std::vector<Name*> to_ask_again;
    std::optional<Failure> not_asked;  // why the last query was not sent
    bool is_asking = false;  // within ares_getaddrinfo(): what answers now is the hosts file
    bool is_moving = false;  // to another channel: what is asked for will be asked there
    bool is_cancelled = false;
    Channel channel;  // the first to go, for it tells of its queries
};

DnsResolver::Impl::Impl(EventLoop& given_loop, DnsSettings given_settings)
    : event_loop(given_loop),
      settings(std::move(given_settings)),
      timer(given_loop.loop().deadlines(), *this),
      system_stamp(stamp_of(settings.system_file)),
      looked_at(given_loop.loop().now()) {
    ares_library_init(ARES_LIB_INIT_ALL);
    const int status = open(channel);
    if (status != ARES_SUCCESS) {
        throw std::runtime_error{std::string{"cannot set up DNS: "} + ares_strerror(status)};
    }
    if (settings.servers.empty()) return;

    std::string list;
    for (const std::string& server : settings.servers) {
        list.append(list.empty() ? "" : ",").append(server);
    }
    if (ares_set_servers_ports_csv(channel.get(), list.c_str()) != ARES_SUCCESS) {
        throw std::runtime_error{"not a list of name servers (ADDRESS or ADDRESS:PORT): " + list};
    }
}

int DnsResolver::Impl::open(Channel& opened) {
    ares_options options{};
    // The hosts file, then DNS. Whoever names servers may have a hosts file, or servers of the
    // system's, that lead clients to us in an origin's place.
    std::string lookups = asks_no_hosts_file() ? "b" : "fb";
    options.flags = ARES_FLAG_NOSEARCH;
    options.timeout = static_cast<int>(settings.query_timeout.count());
    options.tries = settings.tries;
    options.ndomains = 0;
    options.lookups = lookups.data();
    options.resolvconf_path = settings.system_file.data();
    options.udp_port = options.tcp_port = settings.system_port;
    options.sock_state_cb = on_socket;
    options.sock_state_cb_data = this;
    ares_channel raw = nullptr;
    const int status = ares_init_options(
        &raw,
        &options,
        ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS |
            ARES_OPT_RESOLVCONF | ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT | ARES_OPT_SOCK_STATE_CB);
    if (status == ARES_SUCCESS) opened.reset(raw);
    return status;
}

// c-ares reads the system's configuration once, and changes no channel's servers while it asks.
void DnsResolver::Impl::follow_system() {
    const auto now = event_loop.loop().now();
    if (!settings.servers.empty() || now < looked_at + between_looks) return;
    looked_at = now;
    const auto stamp = stamp_of(settings.system_file);
    if (!stamp || stamp == system_stamp) return;  // without the file: it is being replaced
    system_stamp = stamp;

    is_moving = true;
    open(channel);  // if it fails, the old one goes on
    is_moving = false;
    for (Name* const name : std::exchange(to_ask_again, {})) send_query(*name);
}

// Addresses are the last to go: names that do not exist come in any number from whoever likes to.
void DnsResolver::Impl::make_room() {
    const auto now = event_loop.loop().now();
    const auto drop = [this](auto is_dropped) {
        if (names.size() < max_names) return;
        std::erase_if(names, [&](const auto& entry) {
            const NameRecord& record = entry.second.record;
            return !record.is_asked_for() && is_dropped(record);
        });
    };
    drop([=](const NameRecord& record) { return record.is_spent(now); });
    drop([=](const NameRecord& record) { return !record.has_addresses(now); });
    drop([](const NameRecord& /*any*/) { return true; });
}

DnsResolver::Impl::Name& DnsResolver::Impl::name(const std::string& host) {
    if (!names.contains(host)) make_room();
    const NameRecord::Rules rules{.stale = settings.stale, .grace = settings.grace};
    const auto found = names.try_emplace(host, Name{*this, NameRecord{rules}}).first;
    found->second.host = &found->first;
    return found->second;
}

// Gives why the name could not be asked for, through no fault of DNS.
std::optional<Failure> DnsResolver::Impl::ask(Name& name) {
    not_asked.reset();
    name.record.begin_query(event_loop.loop().now());
    follow_system();
    send_query(name);
    set_timer();
    return not_asked;
}

void DnsResolver::Impl::send_query(Name& name) {
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    is_asking = true;
    ares_getaddrinfo(channel.get(), name.host->c_str(), nullptr, &hints, on_answer, &name);
    is_asking = false;
}

void DnsResolver::Impl::settle(Name& name, const Failure& failure) {
    const auto now = event_loop.loop().now();
    for (Waiter* const waiter : name.waiters) {
        waiter->addresses = is_cancelled ? failure : name.record.addresses_or(failure, now);
        waiter->answered.notify();
    }
    name.waiters.clear();
}

void DnsResolver::Impl::process(int readable, int writable) noexcept {
    ares_process_fd(channel.get(), readable, writable);
    set_timer();
}

void DnsResolver::Impl::set_timer() noexcept {
    timeval wait{};
    if (ares_timeout(channel.get(), nullptr, &wait) == nullptr) return timer.disarm();
    // A millisecond more, for c-ares has its own clock and must not find that it is too early.
    timer.arm(Deadline{event_loop.loop().now() + seconds{wait.tv_sec} +
                       std::chrono::microseconds{wait.tv_usec} + std::chrono::milliseconds{1}});
}

void DnsResolver::Impl::on_answer(void* name,
                                  int status,
                                  int /*timeouts*/,
                                  ares_addrinfo* found) noexcept {
    Name& asked = *static_cast<Name*>(name);
    Impl& resolver = asked.resolver;
    Answer answer;
    if (found != nullptr && status == ARES_SUCCESS) {
        answer = answer_of(*found);
        if (answer.addresses.empty()) status = ARES_ENODATA;
    }
    if (found != nullptr) ares_freeaddrinfo(found);
    if (resolver.is_moving) return resolver.to_ask_again.push_back(&asked);

    const auto now = resolver.event_loop.loop().now();
    const bool is_ours = says_nothing(status) && is_out_of_descriptors();
    const auto failure = is_ours ? no_descriptor : dns_failure(status);
    if (is_ours) {
        asked.record.withdraw_query();
        if (resolver.is_asking) resolver.not_asked = failure;
    } else if (answer.addresses.empty()) {
        asked.record.take_failure(failure, now);
    } else {
        const auto life = resolver.is_asking ? life_in_hosts_file : answer.life;
        asked.record.take_answer(std::move(answer.addresses), life, now);
    }
    resolver.settle(asked, failure);
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
    if (impl_->asks_no_hosts_file() && is_localhost(host)) co_return loopback();
    if (impl_->is_cancelled) co_return dns_failure(ARES_ECANCELLED);

    loop::Loop& loop = impl_->event_loop.loop();
    Impl::Name& name = impl_->name(host);
    if (name.record.needs_query(loop.now())) {
        const auto not_asked = impl_->ask(name);
        if (not_asked) co_return name.record.addresses_or(*not_asked, loop.now());
    }
    if (auto reply = name.record.reply(loop.now())) co_return *std::move(reply);

    Waiter waiter{loop};
    name.waiters.push_back(&waiter);
    const auto patience = name.record.patience(loop.now());
    const WaitLimit limit{loop, waiter.answered, std::min(patience, deadline)};
    while (!waiter.addresses && !limit.has_expired()) co_await waiter.answered.wait();
    if (waiter.addresses) co_return *std::move(waiter.addresses);
    std::erase(name.waiters, &waiter);  // the name is still asked for, so it is still there
    const Failure timed_out{Errc::resolve_timed_out, Side::origin};
    co_return name.record.addresses_or(timed_out, loop.now());
}

Deadline DnsResolver::keep_fresh(const std::string& host) {
    const bool is_known = impl_->asks_no_hosts_file() && is_localhost(host);
    if (impl_->is_cancelled || is_known || IpAddress::parse(host)) return Deadline::none();
    const auto now = impl_->event_loop.loop().now();
    Impl::Name& name = impl_->name(host);
    if (!name.record.is_asked_for() && now >= name.record.refresh_at()) impl_->ask(name);
    return Deadline{std::max(name.record.refresh_at(), now + between_calls)};
}

bool DnsResolver::has_left(const std::string& host, const IpAddress& address) const {
    const auto name = impl_->names.find(host);
    return name != impl_->names.end() && name->second.record.has_left(address);
}

void DnsResolver::cancel() noexcept {
    impl_->is_cancelled = true;
    ares_cancel(impl_->channel.get());
    impl_->set_timer();
}

}  // namespace nikawa::net
