#include "daemon/shard.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "nikawa/net/tcp_stream.hpp"

namespace nikawa::daemon {
namespace {

// The longest that an access line waits in memory, and how often the load is taken.
constexpr auto tick_interval = std::chrono::milliseconds{200};

// In ticks: how often the others are told how we stand, and the state file's writer what it has to
// remember.
constexpr std::size_t ticks_to_publish = 5;
constexpr std::size_t ticks_to_remember = 50;

// How long origins have to hear that we go, once no exchange is left.
constexpr auto parting_time = std::chrono::seconds{1};

// Resolves one name by itself; everything else goes on to the real resolver.
class OneNameResolver final : public net::Resolver {
public:
    OneNameResolver(std::string name, net::Resolver& others)
        : name_(std::move(name)), others_(others) {}

    Task<Result<net::Addresses>> resolve(std::string host, Deadline deadline) override {
        if (host == name_) host = "127.0.0.1";
        return others_.resolve(std::move(host), deadline);
    }

    Deadline keep_fresh(const std::string& host) override {
        return host == name_ ? Deadline::none() : others_.keep_fresh(host);
    }

    [[nodiscard]] bool has_left(const std::string& host,
                                const net::IpAddress& address) const override {
        return host != name_ && others_.has_left(host, address);
    }

private:
    std::string name_;
    net::Resolver& others_;
};

std::unique_ptr<net::Resolver> override_for(const std::string& name, net::Resolver& others) {
    return name.empty() ? nullptr : std::make_unique<OneNameResolver>(name, others);
}

client::ClientLimits limits_of_clients(const ShardSettings& settings, MemoryBudget& memory) {
    auto limits = settings.client;
    limits.memory = &memory;
    limits.unindexed_field = settings.forwarder.identity.request_id_field;
    return limits;
}

origin::SessionFactory::Limits counted_in(MemoryBudget& memory,
                                          origin::SessionFactory::Limits limits) {
    limits.h2.memory = &memory;
    return limits;
}

void warn(std::string_view line) { spdlog::warn("{}", line); }
void debug(std::string_view line) { spdlog::debug("{}", line); }

pool::PoolLimits told_to(PoolJournal& journal, pool::PoolLimits limits) {
    limits.listener = &journal;
    return limits;
}

// All shards ask the same endpoint, and one tells of it.
void tell_of_metadata(std::size_t shard, AwsKeys::Level level, std::string_view text) {
    if (shard != 0) return;
    const bool is_warning = level == AwsKeys::Level::warning;
    spdlog::log(is_warning ? spdlog::level::warn : spdlog::level::info, "AWS metadata: {}", text);
}

Duration thread_cpu_time() {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec};
}

}  // namespace

// What asks the metadata endpoint. Its dialer has no rules of whom it may reach: the operator said
// where the endpoint is, and no client's request comes this way.
struct Shard::Metadata {
    Metadata(net::EventLoop& event_loop,
             net::Resolver& resolver,
             net::TlsContext& tls,
             const MetadataEndpoint& endpoint)
        : dialer(
              event_loop,
              resolver,
              tls,
              {.resolve_timeout = patience, .connect_timeout = patience, .tls_timeout = patience}),
          client(event_loop.loop(), dialer, endpoint) {}

    static constexpr auto patience = std::chrono::seconds{2};
    net::TcpTlsDialer dialer;
    MetadataClient client;
};

Shard::Shard(const ShardSettings& settings, const ShardCommons& commons, std::size_t index)
    : event_loop_(loop_),
      settings_(settings),
      commons_(commons),
      index_(index),
      dns_(event_loop_, settings.dns),
      overrides_(override_for(settings.demo_name, dns_)),
      tls_(commons.trust, settings.tls),
      dialer_(event_loop_, overrides_ ? *overrides_ : dns_, tls_, settings.dial, this),
      memory_(settings.body_memory),
      sessions_(loop_, dialer_, counted_in(memory_, settings.sessions)),
      journal_(&warn, spdlog::should_log(spdlog::level::debug) ? &debug : nullptr),
      pools_(loop_, sessions_, told_to(journal_, settings.pool)),
      http_stats_(settings.pages.most_samples, settings.sampling_factor),
      log_(commons.log, &http_stats_),
      metadata_(settings.aws_metadata
                    ? std::make_unique<Metadata>(event_loop_, dns_, tls_, *settings.aws_metadata)
                    : nullptr),
      aws_keys_(loop_,
                settings.aws_file,
                metadata_ ? &metadata_->client : nullptr,
                &std::chrono::system_clock::now,
                [index](AwsKeys::Level level, std::string_view text) {
                    tell_of_metadata(index, level, text);
                }),
      forwarder_(loop_,
                 settings.forwarder,
                 pools_,
                 log_,
                 proxy::RequestIdSource::random(),
                 &std::chrono::system_clock::now,
                 memory_,
                 &aws_keys_),
      reporter_(commons.stats, index, pools_, http_stats_, memory_),
      pages_(loop_,
             settings.pages,
             reporter_,
             commons.stats.shards(),
             log_,
             forwarder_,
             &std::chrono::system_clock::now),
      client_denial_(forwarder_, {Errc::client_denied, Side::client}),
      client_(limits_of_clients(settings_, memory_)),
      denied_client_(limits_of_denied(client_)),
      connections_(loop_),
      refusals_(loop_, settings.forwarder.identity.via_name, settings.most_lingering),
      tick_(loop_.deadlines(), *this) {
    loop_.on_last_task_end([this] { end_when_idle(); });
    tick_.arm(Deadline::after(loop_.now(), tick_interval));
}

Shard::~Shard() = default;

void Shard::adopt(net::UniqueFd fd) {
    // std::function wants to copy what it holds, and a descriptor has one owner.
    event_loop_.post([this, raw = fd.release()] {
        admit(std::make_unique<net::TcpStream>(event_loop_, net::UniqueFd{raw}));
    });
}

void Shard::admit(std::unique_ptr<net::TcpStream> stream) {
    const net::IpAddress client = stream->peer().address;
    auto place = commons_.limits.take(client);
    if (!place) {
        const bool is_client = commons_.limits.is_used_up_by(client);
        if (connections_.let_idle_one_go(is_client ? &client : nullptr)) {
            place = commons_.limits.take(client);
        }
    }
    if (place) return loop_.spawn(serve_connection(std::move(stream), std::move(*place)));
    commons_.overload.refused(client, loop_.now());
    refusals_.refuse(std::move(stream));
}

void Shard::refuse_for_want_of_descriptors(net::TcpStream& stream) noexcept {
    refusals_.refuse_at_once(stream);
}

// A client comes back at the cost of one round trip, an origin's session at that of three.
bool Shard::let_own_go() noexcept {
    return refusals_.let_one_go() || connections_.let_idle_one_go() || pools_.let_idle_session_go();
}

bool Shard::let_one_go() noexcept {
    commons_.overload.out_of_descriptors(loop_.now());
    if (let_own_go()) return true;
    commons_.ask_others_for_room(index_);
    return false;
}

void Shard::make_room_soon() noexcept {
    if (is_asked_for_room_.exchange(true)) return;  // a flood of clients asks again and again
    event_loop_.post([this] {
        is_asked_for_room_ = false;
        let_own_go();
    });
}

Task<void> Shard::serve_connection(std::unique_ptr<net::TcpStream> stream, ConnectionPlace place) {
    OpenConnection open{connections_, std::move(place)};
    client::RequestHandler* handler = &pages_;
    const auto* limits = &client_;
    if (!commons_.clients.allows(stream->peer().address)) {
        handler = &client_denial_;
        limits = &denied_client_;
    }
    client::ClientConnection connection{loop_, std::move(stream), *handler, *limits, &open};
    open.begin(connection);
    if (draining_) connection.drain();
    co_await connection.run();
    open.end();
    if (draining_ && connections_.empty()) end_pools();
}

void Shard::warm(const RememberedOrigins& remembered, const std::vector<http::Origin>& pinned) {
    RememberedOrigins lately;
    for (const auto& origin : remembered) {
        if (origin.unused_for < settings_.pool.keep_warm) lately.push_back(origin);
    }
    journal_.warn_of(pinned);
    pools_.restore(lately);
    for (const auto& origin : pinned) pools_.pin(origin);
}

std::size_t Shard::reached_origins() const {
    const auto status = pools_.status();
    return static_cast<std::size_t>(std::ranges::count_if(
        status, [](const pool::OriginStatus& origin) { return origin.sessions > 0; }));
}

// At the beginning of the end, and not after: another daemon, started in our place, may write to
// the same file by then.
void Shard::remember(StateFile::Urgency urgency) {
    if (commons_.state == nullptr || draining_) return;
    commons_.state->remember(index_, pools_.remember(), urgency);
}

void Shard::take_credentials(std::shared_ptr<const aws::Credentials> file) {
    event_loop_.post([this, file = std::move(file)] { aws_keys_.take_file(file); });
}

void Shard::drain() {
    event_loop_.post([this] {
        remember(StateFile::Urgency::now);
        draining_ = true;
        connections_.drain_all();
        if (connections_.empty()) end_pools();
        end_when_idle();
    });
}

void Shard::close() {
    event_loop_.post([this] {
        draining_ = true;
        connections_.close_all();
        refusals_.close_all();
        end_pools();
        pools_.cut_off();
        end_when_idle();
    });
}

// No exchange is left that a dial could serve.
void Shard::end_pools() {
    cut_pools_at_ = Deadline::after(loop_.now(), parting_time);
    pools_.close();
    dns_.cancel();
    dialer_.cancel();
    aws_keys_.stop();
    if (metadata_) metadata_->dialer.cancel();
}

void Shard::end_when_idle() {
    if (!draining_ || loop_.task_count() != 0) return;
    log_.flush();
    event_loop_.stop();
}

void Shard::take_load() {
    const auto now = loop_.now();
    const auto busy = thread_cpu_time();
    const auto passed = std::chrono::duration<double>(now - measured_at_).count();
    const auto spent = std::chrono::duration<double>(busy - busy_).count();
    load_.store(passed > 0 ? spent / passed : 0, std::memory_order_relaxed);
    measured_at_ = now;
    busy_ = busy;
}

void Shard::look_for_freed_memory() {
    auto& clients = commons_.limits;
    if (crowd_.has_left(clients.open(), clients.take_most_open())) give_back_freed_memory();
}

void Shard::expire() noexcept {
    log_.flush();
    take_load();
    if (index_ == 0) commons_.overload.look(loop_.now());
    ++ticks_;
    if (ticks_ % ticks_to_publish == 0) {
        reporter_.publish();
        if (index_ == 0) look_for_freed_memory();
    }
    if (ticks_ % ticks_to_remember == 0) remember(StateFile::Urgency::whenever);
    const auto now = loop_.now();
    if (now >= cut_pools_at_.at()) pools_.cut_off();
    tick_.arm(Deadline::after(now, tick_interval));
}

}  // namespace nikawa::daemon
