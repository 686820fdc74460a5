#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nikawa/http/origin.hpp"

namespace nikawa::daemon {

/// A section `[origin PATTERN...]` of the configuration file: how TLS is done with the origins
/// whose host matches one of the patterns (http::HostPattern).
struct OriginSection {
    std::vector<std::string> patterns;
    std::string ca_file;      ///< ca-file: instead of the authorities that are trusted otherwise
    std::string client_cert;  ///< client-cert: PEM, with the chain behind it
    std::string client_key;   ///< client-key: PEM; empty: it stands in client-cert

    friend bool operator==(const OriginSection&, const OriginSection&) = default;
};

/// A line `HOST = ORIGIN` of the section [map] of the configuration file: what a Host, or the host
/// of an absolute-form target, means (see mapping::MapEntry).
struct MapEntry {
    std::string host;    ///< a http::HostPattern
    std::string origin;  ///< "https", "http", "https://api.example.net:8443"

    friend bool operator==(const MapEntry&, const MapEntry&) = default;
};

/// The parsed and validated command line, environment and configuration file. Durations are
/// inactivity limits; zero is no limit. These are the defaults.
struct Options {
    // Listening
    std::string listen = "0.0.0.0";  ///< --listen, -l: an address
    std::uint16_t port = 3000;       ///< --port, -p; 0 lets the system choose
    std::string pid_file;            ///< --pid-file
    unsigned threads = 1;            ///< --threads

    // Access log
    std::string access_log_dir;                          ///< --access-log-dir
    std::string access_log_format = "json";              ///< --access-log-format
    std::chrono::seconds access_log_rotate{30 * 86400};  ///< --access-log-rotate (times the next)
    std::chrono::seconds access_log_rotate_time{86400};  ///< --access-log-rotate-time
    std::string log_level = "info";                      ///< --log-level (diagnostics)

    // Pool
    std::optional<std::size_t> keepalive_conns;  ///< --keepalive-conns, -c; unset follows demand
    std::size_t max_conns_per_host = 0;        ///< --max-conns-per-host; 0 is no limit of chocon's
    std::size_t max_waiting_per_host = 10000;  ///< --max-waiting-per-host: exchanges that queue
    std::chrono::milliseconds keepalive_timeout{std::chrono::hours{1}};  ///< --keepalive-timeout
    std::chrono::milliseconds keep_warm{std::chrono::hours{1}};          ///< --keep-warm; 0 is off
    std::size_t warm_conns = 128;    ///< --warm-conns: opened ahead of demand for an origin
    std::vector<http::Origin> warm;  ///< --warm: kept warm for ever
    std::chrono::milliseconds warm_timeout{std::chrono::seconds{3}};  ///< --warm-timeout
    std::string state_file;  ///< --state-file; empty: state_file_path() says
    std::chrono::milliseconds ping_interval{std::chrono::seconds{15}};  ///< --ping-interval

    // Clients
    std::chrono::milliseconds read_timeout{std::chrono::seconds{30}};   ///< --read-timeout
    std::chrono::milliseconds write_timeout{std::chrono::seconds{90}};  ///< --write-timeout
    std::chrono::milliseconds head_timeout{std::chrono::seconds{30}};   ///< --head-timeout
    std::chrono::milliseconds client_idle_timeout{
        std::chrono::seconds{75}};                   ///< --client-idle-timeout
    std::size_t max_head_bytes = 64 * 1024;          ///< --max-head-bytes
    std::size_t max_request_line_bytes = 16 * 1024;  ///< --max-request-line-bytes
    std::size_t max_fields = 256;                    ///< --max-fields
    std::uint64_t max_body_bytes = 0;                ///< --max-body-bytes; 0 is no limit

    // Who may use it, and to reach what: see access::ClientRules and access::TargetRules
    std::vector<std::string> allow_client = {"loopback", "private"};  ///< --allow-client
    std::vector<std::string> allow_target;                            ///< --allow-target
    std::vector<std::string> deny_target;                             ///< --deny-target
    std::vector<std::string> allow_port;                              ///< --allow-port; empty: all

    // Bounds, of the whole daemon
    std::size_t max_conns = 0;             ///< --max-conns; 0: three quarters of the descriptors
    std::size_t max_conns_per_client = 0;  ///< --max-conns-per-client; 0 is no limit
    std::size_t max_exchanges_per_host = 10000;       ///< --max-exchanges-per-host
    std::size_t max_body_memory = 512 * 1024 * 1024;  ///< --max-body-memory
    unsigned retry_budget = 20;                       ///< --retry-budget: per cent of exchanges

    // Origins
    std::vector<OriginSection> origin_sections;  ///< of the configuration file alone
    std::chrono::milliseconds proxy_read_timeout{
        std::chrono::seconds{60}};                                        ///< --proxy-read-timeout
    std::chrono::milliseconds resolve_timeout{std::chrono::seconds{5}};   ///< --resolve-timeout
    std::chrono::milliseconds connect_timeout{std::chrono::seconds{10}};  ///< --connect-timeout
    std::chrono::milliseconds tls_timeout{std::chrono::seconds{10}};      ///< --tls-timeout
    std::chrono::milliseconds acquire_timeout{std::chrono::seconds{30}};  ///< --acquire-timeout
    std::string ca_file;                                                  ///< --ca-file
    bool insecure = false;                                                ///< --insecure
    bool http2 = true;                                                    ///< --http2/--no-http2
    std::size_t h2_stream_window = 8 * 1024 * 1024;                       ///< --h2-stream-window
    std::vector<std::string> resolvers;                                   ///< --resolver
    std::chrono::milliseconds dns_stale{std::chrono::hours{24}};          ///< --dns-stale
    std::chrono::milliseconds dns_grace{std::chrono::minutes{2}};         ///< --dns-grace
    bool tcp_fast_open = false;                                           ///< --tcp-fast-open
    bool early_data = false;                                              ///< --early-data

    // Mapping
    std::vector<std::string> https_markers = {"ccnproxy-https", "ccnproxy-ssl", "ccnproxy-secure"};
    std::vector<std::string> http_markers = {"ccnproxy"};
    std::vector<std::string> https_for;  ///< --https-for: hosts whose http names mean https origins
    std::vector<MapEntry> map;           ///< section [map] of the configuration file alone
    bool keep_own_port = false;  ///< --keep-own-port: our own port in a Host is the origin's, too
    std::optional<http::Origin> upstream;  ///< --upstream: everything goes here, Host kept

    // Tunnels
    std::vector<std::string> connect_port = {"443"};  ///< --connect-port; empty: no CONNECT
    std::chrono::milliseconds tunnel_timeout{std::chrono::hours{1}};  ///< --tunnel-timeout

    // AWS Signature Version 4
    std::string aws_credentials;                   ///< --aws-credentials: a shared credentials file
    std::string aws_metadata = "none";             ///< --aws-metadata: none, ec2 or ecs
    std::size_t aws_max_chunk = 16 * 1024 * 1024;  ///< --aws-max-chunk: of a body signed in chunks
    std::size_t aws_max_body = 1024 * 1024;        ///< --aws-max-body: held to verify its hash

    // Identity
    std::string request_id_field = "X-Chocon-Id";  ///< --request-id-field
    std::string via_name;                          ///< --via-name; empty: nikawa-<random>

    // Life
    std::chrono::milliseconds shutdown_timeout{std::chrono::hours{1}};  ///< --shutdown-timeout

    // Statistics
    std::size_t stsize = 1000;  ///< --stsize: times kept for percentiles
    std::size_t spfactor = 3;   ///< --spfactor: one exchange in so many is timed for them

    // Demonstration
    bool demo = false;                        ///< --demo
    std::chrono::milliseconds demo_rtt{100};  ///< --demo-rtt
    bool check = false;                       ///< --check; parse_options() answers it itself

    std::vector<std::string> warnings;  ///< what the diagnostic log should tell at the start

    friend bool operator==(const Options&, const Options&) = default;
};

/// Where origins in use are remembered: --state-file, or else state.json in the directory that
/// systemd names in STATE_DIRECTORY. Empty for nowhere.
std::string state_file_path(const Options& options);

/// The process is done: print `text` (to stdout when `exit_code` is 0, else stderr) and exit.
struct ExitNow {
    int exit_code;
    std::string text;
};

/// Parses the command line, NIKAWA_* environment variables and the file named by --config, in that
/// order of precedence, and checks what can be checked before listening: that files can be read and
/// directories written. What is wrong is named with its place, the value and what is allowed (exit
/// code 2); --help, --version and a --check that finds nothing give exit code 0.
std::variant<Options, ExitNow> parse_options(int argc, const char* const* argv);

}  // namespace nikawa::daemon
