#include "daemon/options_table.hpp"

#include <algorithm>

namespace nikawa::daemon {
namespace {

constexpr std::uint64_t million = 1'000'000;

using O = Options;
using Rows = std::vector<OptionRow>;

// A row is to be read as one; the formatter would give each of its values a line.
// clang-format off

Rows listening_options() {
    return {
        {'l', "listen", "ADDRESS", "address to listen on", "0.0.0.0", listen_address()},
        {'p', "port", "N", "port to listen on; 0 lets the system choose", "3000",
         number(&O::port, 0, 65535)},
        {0, "pid-file", "FILE", "write the process id to this file", "(none)",
         path_or_empty(&O::pid_file)},
        {0, "threads", "N", "threads that may serve", "1", number(&O::threads, 1, 64)},
    };
}

Rows access_log_options() {
    return {
        {0, "access-log-dir", "DIR", "directory of the log files; or stdout, none", "(stderr)",
         path_or_empty(&O::access_log_dir)},
        {0, "access-log-format", "FORMAT", "json or ltsv", "json",
         one_of(&O::access_log_format, {"json", "ltsv"})},
        {0, "access-log-rotate", "N", "files to keep, older ones are removed; 0 keeps all", "30",
         rotations()},
        {0, "access-log-rotate-time", "TIME",
         "a new file begins this often; a bare number is minutes", "24h", rotate_time()},
        {0, "log-level", "LEVEL",
         "what the diagnostic log on stderr tells: debug, info, warn, error, off",
         "info",
         one_of(&O::log_level, {"debug", "info", "warn", "error", "off"})},
    };
}

Rows pool_options() {
    return {
        {'c', "keepalive-conns", "N", "idle connections kept for each origin",
         "(follows the demand)", number(&O::keepalive_conns, 0, million)},
        {0, "max-conns-per-host", "N", "connections to each origin; 0 is no limit", "0",
         number(&O::max_conns_per_host, 0, million)},
        {0, "max-waiting-per-host", "N", "requests that may wait for an origin", "10000",
         number(&O::max_waiting_per_host, 1, million)},
        {0, "keepalive-timeout", "TIME", "how long an idle connection to an origin is kept", "1h",
         duration(&O::keepalive_timeout)},
        {0, "acquire-timeout", "TIME", "longest wait for a connection to become free", "30s",
         duration(&O::acquire_timeout)},
        {0, "keep-warm", "TIME",
         "an origin used within this time always has a connection ready; 0 turns it off", "1h",
         duration(&O::keep_warm, "off")},
        {0, "warm-conns", "N", "connections opened ahead of demand for an origin, at most", "128",
         number(&O::warm_conns, 1, 10000)},
        {0, "warm", "URL...", "origins to keep warm for ever, from the start", "(none)",
         or_none(origins(&O::warm))},
        {0, "warm-timeout", "TIME", "the start waits this long for warm connections; 0 does not",
         "3s", duration(&O::warm_timeout, "not at all")},
        {0, "state-file", "FILE", "remember here which origins are in use, for the next start",
         "($STATE_DIRECTORY/state.json under systemd, else none)", path(&O::state_file)},
        {0, "ping-interval", "TIME", "an idle HTTP/2 connection is asked whether it lives; 0 does not",
         "15s", duration(&O::ping_interval, "never")},
    };
}

Rows clients_options() {
    return {
        {0, "read-timeout", "TIME", "longest pause in a request's body before its response", "30s",
         duration(&O::read_timeout)},
        {0, "write-timeout", "TIME", "longest pause of a client in taking its response", "90s",
         duration(&O::write_timeout)},
        {0, "head-timeout", "TIME", "longest time for the head of a request to arrive", "30s",
         duration(&O::head_timeout)},
        {0, "client-idle-timeout", "TIME", "longest pause between requests on a connection", "75s",
         duration(&O::client_idle_timeout)},
        {0, "max-head-bytes", "SIZE", "longest head of a request", "64k",
         size(&O::max_head_bytes, KiB, 16 * MiB)},
        {0, "max-request-line-bytes", "SIZE", "longest first line of a request, within its head", "16k",
         size(&O::max_request_line_bytes, 256, 16 * MiB)},
        {0, "max-fields", "N", "most header fields of a request", "256",
         number(&O::max_fields, 1, 10000)},
        {0, "max-body-bytes", "SIZE", "longest body of a request; 0 is no limit", "0",
         size(&O::max_body_bytes, 0, 1'000'000 * GiB)},
    };
}

Rows access_options() {
    return {
        {0, "allow-client", "CIDR...", "who may use the proxy; loopback and private are ranges, too",
         "loopback,private", client_ranges(&O::allow_client)},
        {0, "allow-target", "PATTERN...",
         "origins that may be reached: once a name stands here only such; a CIDR lets loopback in",
         "(all but loopback)", targets(&O::allow_target)},
        {0, "deny-target", "PATTERN...", "names and CIDRs of origins that may not be reached",
         "(none)", or_none(targets(&O::deny_target))},
        {0, "allow-port", "N...", "ports, and ranges such as 8000-8999, that origins may have",
         "(all)", port_ranges(&O::allow_port)},
    };
}

Rows bounds_options() {
    return {
        {0, "max-conns", "N", "connections of clients; 0 is three quarters of the open files", "0",
         number(&O::max_conns, 0, million)},
        {0, "max-conns-per-client", "N", "connections of one client address; 0 is no limit", "0",
         number(&O::max_conns_per_client, 0, million)},
        {0, "max-exchanges-per-host", "N", "requests to one origin at once; more of them wait",
         "10000", number(&O::max_exchanges_per_host, 1, million)},
        {0, "max-body-memory", "SIZE", "bodies in memory, of all requests and responses", "512m",
         size(&O::max_body_memory, 16 * MiB, 1024 * GiB)},
        {0, "retry-budget", "PERCENT", "share of the recent requests to an origin that may be repeats",
         "20", number(&O::retry_budget, 0, 100)},
    };
}

Rows origins_options() {
    return {
        {0, "proxy-read-timeout", "TIME", "longest wait for a response, or pause in it", "60s",
         duration(&O::proxy_read_timeout)},
        {0, "resolve-timeout", "TIME", "longest time to resolve an origin's name", "5s",
         duration(&O::resolve_timeout)},
        {0, "connect-timeout", "TIME", "longest time to open a connection to an origin", "10s",
         duration(&O::connect_timeout)},
        {0, "tls-timeout", "TIME", "longest TLS handshake with an origin", "10s",
         duration(&O::tls_timeout)},
        {0, "ca-file", "FILE", "certificate authorities to trust (PEM)", "(the system's)",
         path(&O::ca_file)},
        {0, "insecure", "", "do not verify origins (only for debugging)", "", flag(&O::insecure)},
        {0, "http2", "", "speak HTTP/2 where the origin does; --no-http2 does not", "(on)",
         flag(&O::http2)},
        {0, "h2-stream-window", "SIZE", "HTTP/2 flow-control window of a response", "8m",
         size(&O::h2_stream_window, 65535, 2 * GiB - 1)},
        {0, "resolver", "ADDRESS...", "name servers to ask, each with a port if need be",
         "(the system's)", resolvers()},
        {0, "dns-stale", "TIME", "while DNS fails, an address that has expired is used this long",
         "24h", duration(&O::dns_stale, "not at all")},
        {0, "dns-grace", "TIME", "an address that DNS no longer names is given up after this",
         "2m", duration(&O::dns_grace, "at once")},
        {0, "tcp-fast-open", "", "send the TLS greeting with the SYN where the origin takes it", "",
         flag(&O::tcp_fast_open)},
        {0, "early-data", "", "requests that may be repeated go out with a resumed TLS handshake",
         "", flag(&O::early_data)},
        {0, "request-id-field", "NAME", "field that carries the request's id", "X-Chocon-Id",
         request_id_field()},
        {0, "via-name", "NAME", "our name in Via, by which loops are detected", "(nikawa-<random>)",
         via_name()},
    };
}

Rows mapping_options() {
    return {
        {0, "https-marker", "LABEL...", "host labels that mean an https origin",
         "ccnproxy-https,ccnproxy-ssl,ccnproxy-secure", or_none(markers(&O::https_markers))},
        {0, "http-marker", "LABEL...", "host labels that mean an http origin", "ccnproxy",
         or_none(markers(&O::http_markers))},
        {0, "https-for", "PATTERN...",
         "hosts whose http names mean their https origins, without any marker", "(none)",
         or_none(host_patterns(&O::https_for))},
        {0, "keep-own-port", "",
         "dial our own port at the origin when the Host names it, as chocon does, instead of "
         "the scheme's default port", "", flag(&O::keep_own_port)},
        {0, "upstream", "URL", "send everything to this origin and keep the Host", "(none)",
         upstream()},
    };
}

Rows aws_options() {
    return {
        {0, "aws-credentials", "FILE",
         "keys whose requests may be signed anew, as in ~/.aws/credentials; readable by us alone",
         "(none)", path(&O::aws_credentials)},
        {0, "aws-metadata", "SERVICE",
         "take this machine's own key, too: none, ec2 or ecs (containers)", "none",
         one_of(&O::aws_metadata, {"none", "ec2", "ecs"})},
        {0, "aws-max-chunk", "SIZE", "largest chunk of a body whose chunks are signed", "16m",
         size(&O::aws_max_chunk, 64 * KiB, GiB)},
        {0, "aws-max-body", "SIZE", "largest body of a service that signs all of it", "1m",
         size(&O::aws_max_body, 64 * KiB, GiB)},
    };
}

Rows tunnels_options() {
    return {
        {0, "connect-port", "N...", "ports, and ranges such as 8000-8999, that CONNECT may name; or none",
         "443", or_none(port_ranges(&O::connect_port))},
        {0, "tunnel-timeout", "TIME",
         "a tunnel (CONNECT, WebSocket) through which nothing passes for so long is ended", "1h",
         duration(&O::tunnel_timeout)},
    };
}

Rows life_options() {
    return {
        {0, "shutdown-timeout", "TIME", "after SIGTERM, requests may take this long to end", "1h",
         shutdown_timeout()},
        {0, "stsize", "N", "percentiles of /.api/http-stats are of so many requests", "1000",
         number(&O::stsize, 1, million)},
        {0, "spfactor", "N", "one request in so many is timed for these", "3",
         number(&O::spfactor, 1, million)},
        {0, "config", "FILE", "read options from a file of lines 'name = value'", "(none)",
         elsewhere(Arity::scalar), Sources::not_in_file},
        {0, "check", "", "check the configuration, say what is wrong with it, and exit", "",
         flag(&O::check), Sources::command_line},
        {0, "demo", "", "show what pooling saves, against an origin of our own, then serve", "",
         flag(&O::demo), Sources::command_line},
        {0, "demo-rtt", "TIME", "distance to the demonstration's origin", "100ms",
         duration(&O::demo_rtt), Sources::command_line},
        {'v', "version", "", "show the version and exit", "", elsewhere(Arity::flag),
         Sources::command_line},
        {'h', "help", "", "show this help and exit", "", elsewhere(Arity::flag),
         Sources::command_line},
    };
}

// clang-format on

Rows make_table() {
    struct Group {
        std::string_view name;
        Rows rows;
    };
    Rows table;
    for (auto& group : {Group{"Listening", listening_options()},
                        Group{"Access log", access_log_options()},
                        Group{"Pool", pool_options()},
                        Group{"Clients", clients_options()},
                        Group{"Access", access_options()},
                        Group{"Bounds", bounds_options()},
                        Group{"Origins", origins_options()},
                        Group{"Mapping", mapping_options()},
                        Group{"Tunnels", tunnels_options()},
                        Group{"AWS", aws_options()},
                        Group{"Life", life_options()}}) {
        for (const auto& row : group.rows) {
            table.push_back(row);
            table.back().group = group.name;
        }
    }
    return table;
}

}  // namespace

const std::vector<OptionRow>& option_table() {
    static const std::vector<OptionRow> table = make_table();
    return table;
}

const OptionRow* find_option(std::string_view name) {
    const auto& table = option_table();
    const auto row = std::find_if(
        table.begin(), table.end(), [=](const OptionRow& each) { return each.name == name; });
    return row == table.end() ? nullptr : &*row;
}

}  // namespace nikawa::daemon
