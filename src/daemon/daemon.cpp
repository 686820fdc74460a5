#include "nikawa/daemon/daemon.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <variant>
#include <vector>

#include "daemon/aws_metadata.hpp"
#include "daemon/credentials_file.hpp"
#include "daemon/diagnostic_log.hpp"
#include "daemon/freed_memory.hpp"
#include "daemon/options_sections.hpp"
#include "daemon/shard.hpp"
#include "nikawa/daemon/listen_sockets.hpp"
#include "nikawa/daemon/pid_file.hpp"
#include "nikawa/daemon/sd_notify.hpp"
#include "nikawa/demo/demonstration.hpp"
#include "nikawa/net/descriptor_reserve.hpp"
#include "nikawa/net/listener.hpp"
#include "nikawa/net/own_address.hpp"

namespace nikawa::daemon {
namespace {

// A shard that is busier than this lets the next one have new connections.
constexpr double full_load = 0.7;

// How soon it is noticed at the start that all sessions are there.
constexpr auto warm_poll_interval = std::chrono::milliseconds{5};

// Every connection costs a descriptor or two, and the default of 1024 is soon used up. Gives how
// many there may be.
std::size_t raise_descriptor_limit() {
    constexpr rlim_t more_than_enough = 1 << 20;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return more_than_enough;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
    return std::min(limit.rlim_cur, more_than_enough);
}

std::size_t max_conns(const Options& options, std::size_t descriptors) {
    if (options.max_conns == 0) return default_max_conns(descriptors);
    if (options.max_conns >= descriptors) {
        spdlog::warn(
            "max-conns is {}, but only {} files may be open", options.max_conns, descriptors);
    }
    return options.max_conns;
}

net::TrustStore trust_store(const Options& options, const demo::Demonstration* demonstration) {
    if (demonstration != nullptr) return net::TrustStore::from_pem(demonstration->ca_pem());
    if (!options.ca_file.empty()) return net::TrustStore::from_file(options.ca_file);
    return net::TrustStore::system();
}

// The keys of the file; nullptr when there is no file. Throws std::runtime_error.
std::shared_ptr<const aws::Credentials> aws_file(const Options& options) {
    const auto& path = options.aws_credentials;
    if (path.empty()) return nullptr;
    auto read = read_credentials_file(path);
    if (const auto* const problem = std::get_if<std::string>(&read)) {
        throw std::runtime_error{"aws-credentials " + path + ": " + *problem};
    }
    auto keys =
        std::make_shared<const aws::Credentials>(std::get<aws::Credentials>(std::move(read)));
    spdlog::info(
        "AWS credentials: {} {} in {}", keys->size(), keys->size() == 1 ? "key" : "keys", path);
    return keys;
}

std::optional<MetadataEndpoint> aws_metadata(const Options& options) {
    if (options.aws_metadata == "none") return std::nullopt;
    auto endpoint = metadata_endpoint(options.aws_metadata, &std::getenv);
    if (const auto* const problem = std::get_if<std::string>(&endpoint)) {
        throw std::runtime_error{"aws-metadata: " + *problem};
    }
    return std::get<MetadataEndpoint>(std::move(endpoint));
}

std::unique_ptr<demo::Demonstration> start_demonstration(const Options& options) {
    if (!options.demo) return nullptr;
    auto started = demo::Demonstration::start(options.demo_rtt);
    if (!started) throw std::runtime_error{started.error()};
    return std::move(*started);
}

std::unique_ptr<telemetry::LogWriter> open_access_log(const Options& options) {
    if (options.access_log_dir == "none") return nullptr;
    auto opened = telemetry::LogWriter::open(
        {.dir = options.access_log_dir,
         .format = options.access_log_format == "ltsv" ? telemetry::LogFormat::ltsv
                                                       : telemetry::LogFormat::json,
         .keep = options.access_log_rotate,
         .rotate_every = options.access_log_rotate_time,
         .on_trouble = [](std::string_view trouble) { spdlog::warn("access log: {}", trouble); }});
    if (!opened) throw std::runtime_error{opened.error()};
    return std::move(*opened);
}

std::vector<net::UniqueFd> open_sockets(const Options& options) {
    auto sockets = inherited_sockets();
    if (sockets.empty()) sockets.push_back(net::listen_on(options.listen, options.port));
    return sockets;
}

// The demonstration's origin is on this machine, and nothing else there is anybody's business.
access::TargetSettings target_settings_of(const Options& options,
                                          const std::vector<net::UniqueFd>& sockets,
                                          const demo::Demonstration* demonstration) {
    auto settings = target_settings(options, endpoints_of(sockets));
    if (demonstration != nullptr) {
        settings.trusted.push_back(
            {http::Scheme::https, demo::Demonstration::origin_name, demonstration->relay_port()});
    }
    return settings;
}

// Tells this daemon from every other one a request may pass, another nikawa among them.
std::string unique_via_name() {
    const auto id = proxy::RequestIdSource::random().next(std::chrono::system_clock::now());
    return "nikawa-" + std::string{id.begin(), id.end()};
}

net::Listener::Shortage shortage_at(Shard& shard) {
    return {.make_room = [&shard] { return shard.make_room(); },
            .refuse =
                [&shard](std::unique_ptr<net::TcpStream> stream) {
                    shard.refuse_for_want_of_descriptors(*stream);
                }};
}

// The running daemon: its shards, and the signals that steer them.
class Daemon {
public:
    /// Throws std::runtime_error with what prevents the start.
    /// `descriptors` is how many may be open.
    Daemon(Options options, std::size_t descriptors);

    void run();

private:
    void open_state_file();
    void warm_up();
    void wait_until_warm();
    void begin_to_accept();
    void accept(std::unique_ptr<net::TcpStream> stream);
    void ask_for_room_beside(std::size_t asking) const;
    [[nodiscard]] Shard& least_loaded() const;
    [[nodiscard]] Shard& longest_idle() const;
    void wait_for_signal();
    void take_signal(int signal);
    void read_aws_file_again();
    void drain();
    void close_all();

    Options options_;
    std::optional<PidFile> pid_file_;  // of who has the sockets
    std::unique_ptr<demo::Demonstration> demonstration_;
    std::vector<net::UniqueFd> sockets_;  // until we accept
    std::unique_ptr<telemetry::LogWriter> log_writer_;
    net::TrustStore trust_;
    access::ClientRules client_rules_;
    access::TargetRules target_rules_;
    ConnectionLimits limits_;
    Overload overload_;
    net::DescriptorReserve descriptor_reserve_;
    admin::StatsBoard stats_;
    RememberedOrigins remembered_;
    std::unique_ptr<StateFile> state_file_;
    ShardSettings settings_;
    std::optional<ShardCommons> commons_;
    std::vector<std::unique_ptr<Shard>> shards_;  // the first one accepts, on the main thread
    std::vector<std::unique_ptr<net::Listener>> listeners_;
    std::unique_ptr<boost::asio::signal_set> signals_;
    std::unique_ptr<boost::asio::steady_timer> drain_deadline_;
    std::unique_ptr<boost::asio::steady_timer> warm_timer_;
    std::chrono::steady_clock::time_point warming_since_;
    bool draining_ = false;
};

Daemon::Daemon(Options options, std::size_t descriptors)
    : options_(std::move(options)),
      demonstration_(start_demonstration(options_)),
      sockets_(open_sockets(options_)),
      log_writer_(open_access_log(options_)),
      trust_(trust_store(options_, demonstration_.get())),
      client_rules_(options_.allow_client),
      target_rules_(target_settings_of(options_, sockets_, demonstration_.get()),
                    &net::is_own_address),
      limits_(max_conns(options_, descriptors), options_.max_conns_per_client),
      overload_(limits_, descriptors),
      descriptor_reserve_(descriptors),
      stats_(options_.threads) {
    if (options_.via_name.empty()) options_.via_name = unique_via_name();
    open_state_file();
    settings_ = shard_settings(options_, ports_of(sockets_));
    settings_.tls.profiles = tls_profiles(options_);
    settings_.dial.rules = &target_rules_;
    settings_.forwarder.targets = &target_rules_;
    settings_.aws_file = aws_file(options_);
    settings_.aws_metadata = aws_metadata(options_);
    settings_.most_lingering = most_lingering(descriptors);
    settings_.pool.max_warm_origins = max_warm_origins(descriptors, options_.threads);
    settings_.pool.descriptors = &descriptor_reserve_;
    if (demonstration_) settings_.demo_name = demo::Demonstration::origin_name;
    commons_.emplace(ShardCommons{
        trust_,
        client_rules_,
        log_writer_.get(),
        stats_,
        state_file_.get(),
        limits_,
        overload_,
        [this](std::size_t shard) { ask_for_room_beside(shard); },
    });
    for (unsigned i = 0; i < options_.threads; ++i) {
        shards_.push_back(std::make_unique<Shard>(settings_, *commons_, i));
    }
    auto& io = shards_.front()->event_loop().io();
    signals_ = std::make_unique<boost::asio::signal_set>(io, SIGTERM, SIGINT, SIGHUP);
    drain_deadline_ = std::make_unique<boost::asio::steady_timer>(io);
    warm_timer_ = std::make_unique<boost::asio::steady_timer>(io);
    wait_for_signal();
    pid_file_.emplace(options_.pid_file);
}

void Daemon::open_state_file() {
    const auto path = state_file_path(options_);
    if (path.empty()) return;
    const auto tell = [path](std::string_view trouble) {
        spdlog::warn("state file {}: {}", path, trouble);
    };
    auto state = read_state_file(path, std::chrono::system_clock::now());
    if (!state.problem.empty()) tell(state.problem + "; it is not used");
    remembered_ = std::move(state.origins);
    state_file_ = std::make_unique<StateFile>(path, options_.threads, tell);
}

// One shard is warmed: it is the first to get connections, and the only one unless it is busy.
void Daemon::warm_up() {
    warming_since_ = std::chrono::steady_clock::now();
    shards_.front()->warm(std::exchange(remembered_, {}), options_.warm);
    wait_until_warm();
}

// Clients that come meanwhile wait in the backlog.
void Daemon::wait_until_warm() {
    if (draining_) return;
    const auto& shard = *shards_.front();
    const auto passed = std::chrono::steady_clock::now() - warming_since_;
    if (shard.is_warming() && passed < options_.warm_timeout) {
        warm_timer_->expires_after(warm_poll_interval);
        warm_timer_->async_wait([this](boost::system::error_code error) {
            if (!error) wait_until_warm();
        });
        return;
    }
    if (const auto known = shard.known_origins(); known > 0) {
        spdlog::info("warm: {} of {} origins in {} ms",
                     shard.reached_origins(),
                     known,
                     std::chrono::duration_cast<std::chrono::milliseconds>(passed).count());
    }
    begin_to_accept();
}

void Daemon::begin_to_accept() {
    for (auto& socket : sockets_) {
        listeners_.push_back(std::make_unique<net::Listener>(
            shards_.front()->event_loop(),
            std::move(socket),
            [this](std::unique_ptr<net::TcpStream> stream) { accept(std::move(stream)); },
            shortage_at(*shards_.front())));
        spdlog::info("listening on {}", listeners_.back()->address());
    }
    sockets_.clear();
    notify_service_manager("READY=1");
    if (demonstration_) demonstration_->show(listeners_.front()->port(), std::cout);
}

void Daemon::accept(std::unique_ptr<net::TcpStream> stream) {
    Shard& shard = limits_.open() < limits_.total() ? least_loaded() : longest_idle();
    if (&shard == shards_.front().get()) {
        shard.admit(std::move(stream));
    } else {
        shard.adopt(stream->release());
    }
}

void Daemon::ask_for_room_beside(std::size_t asking) const {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        if (i != asking) shards_[i]->make_room_soon();
    }
}

// Fills one shard before the next, so that warm pools are not split among threads without need.
Shard& Daemon::least_loaded() const {
    Shard* least = shards_.front().get();
    for (const auto& shard : shards_) {
        if (shard->load() < full_load) {
            least = shard.get();
            break;
        }
        if (shard->load() < least->load()) least = shard.get();
    }
    return *least;
}

// All places are taken: that one is asked which has what can best be let go.
Shard& Daemon::longest_idle() const {
    const auto idle_since = [](const auto& shard) {
        return shard->longest_idle_since().value_or(TimePoint::max());
    };
    return **std::ranges::min_element(shards_, {}, idle_since);
}

void Daemon::run() {
    warm_up();
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < shards_.size(); ++i) {
        threads.emplace_back([shard = shards_[i].get()] { shard->run(); });
    }
    shards_.front()->run();
    for (auto& thread : threads) thread.join();
    state_file_.reset();
    spdlog::info("stopped");
}

void Daemon::wait_for_signal() {
    signals_->async_wait([this](boost::system::error_code error, int signal) {
        if (error) return;
        take_signal(signal);
        wait_for_signal();
    });
}

void Daemon::take_signal(int signal) {
    if (signal == SIGHUP) {
        if (log_writer_) log_writer_->reopen();
        read_aws_file_again();
    } else if (draining_) {
        spdlog::info("second signal: ending at once");
        close_all();
    } else {
        drain();
    }
}

// A file that is broken for a moment must not take from clients what works.
void Daemon::read_aws_file_again() {
    try {
        if (const auto file = aws_file(options_)) {
            for (auto& shard : shards_) shard->take_credentials(file);
        }
    } catch (const std::runtime_error& problem) {
        spdlog::warn("{}; the keys read before stay", problem.what());
    }
}

void Daemon::drain() {
    draining_ = true;
    spdlog::info("draining: no new connections, what is in flight has {} s",
                 std::chrono::duration<double>(options_.shutdown_timeout).count());
    notify_service_manager("STOPPING=1");
    warm_timer_->cancel();
    sockets_.clear();
    for (auto& listener : listeners_) listener->close();
    for (auto& shard : shards_) shard->drain();
    drain_deadline_->expires_after(options_.shutdown_timeout);
    drain_deadline_->async_wait([this](boost::system::error_code error) {
        if (!error) close_all();
    });
}

void Daemon::close_all() {
    for (auto& shard : shards_) shard->close();
}

}  // namespace

int run_daemon(Options options) {
    std::signal(SIGPIPE, SIG_IGN);
    const std::size_t descriptors = raise_descriptor_limit();
    keep_freed_memory();
    open_diagnostic_log(options.log_level);
    for (const auto& warning : options.warnings) spdlog::warn("{}", warning);
    try {
        Daemon daemon{std::move(options), descriptors};
        daemon.run();
        return 0;
    } catch (const std::exception& failure) {
        spdlog::error("cannot start: {}", failure.what());
        return 1;
    }
}

}  // namespace nikawa::daemon
