#include "nikawa/daemon/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <string_view>

#include "daemon/options_fixture.hpp"
#include "daemon/options_table.hpp"

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;
using http::Origin;
using http::Scheme;
using testing::HasSubstr;
using testing::StartsWith;

TEST(ParseOptions, GivesTheDefaultsWithoutArguments) { EXPECT_EQ(accepted({}), Options{}); }

TEST(ParseOptions, ShowsInTheHelpTheDefaultsThatHold) {
    for (const auto& row : option_table()) {
        if (row.fallback.empty() || row.fallback.starts_with('(')) continue;
        SCOPED_TRACE(row.name);
        EXPECT_EQ(accepted({"--" + std::string{row.name} + "=" + std::string{row.fallback}}),
                  Options{});
    }
}

TEST(ParseOptions, TakesValuesOfEveryKind) {
    struct Row {
        std::vector<std::string> arguments;
        bool (*holds)(const Options&);
    };
    const std::vector<Row> rows = {
        {{"--listen", "::1"}, [](auto& o) { return o.listen == "::1"; }},
        {{"--listen=[::1]"}, [](auto& o) { return o.listen == "::1"; }},
        {{"-l", "127.0.0.1"}, [](auto& o) { return o.listen == "127.0.0.1"; }},
        {{"-l127.0.0.1"}, [](auto& o) { return o.listen == "127.0.0.1"; }},
        {{"-p", "0"}, [](auto& o) { return o.port == 0; }},
        {{"-p=65535"}, [](auto& o) { return o.port == 65535; }},
        {{"--port=1", "--port", "2"}, [](auto& o) { return o.port == 2; }},
        {{"-p1", "--port=3"}, [](auto& o) { return o.port == 3; }},
        {{"--threads=64"}, [](auto& o) { return o.threads == 64; }},
        {{"-c", "0"}, [](auto& o) { return o.keepalive_conns == 0U; }},
        {{"--keepalive-conns=2"}, [](auto& o) { return o.keepalive_conns == 2U; }},
        {{"--max-conns-per-host=7"}, [](auto& o) { return o.max_conns_per_host == 7; }},

        {{"--read-timeout=30"}, [](auto& o) { return o.read_timeout == 30s; }},
        {{"--read-timeout=30s"}, [](auto& o) { return o.read_timeout == 30s; }},
        {{"--read-timeout=1h30m"}, [](auto& o) { return o.read_timeout == 90min; }},
        {{"--read-timeout=500ms"}, [](auto& o) { return o.read_timeout == 500ms; }},
        {{"--read-timeout=1.5s"}, [](auto& o) { return o.read_timeout == 1500ms; }},
        {{"--read-timeout=0.25"}, [](auto& o) { return o.read_timeout == 250ms; }},
        {{"--read-timeout=2d"}, [](auto& o) { return o.read_timeout == 48h; }},
        {{"--read-timeout=1us"}, [](auto& o) { return o.read_timeout == 1ms; }},
        {{"--read-timeout=0"}, [](auto& o) { return o.read_timeout == 0s; }},
        {{"--shutdown-timeout=8h"}, [](auto& o) { return o.shutdown_timeout == 8h; }},
        {{"--shutdown-timeout=0"}, [](auto& o) { return o.shutdown_timeout == 1ms; }},

        {{"--max-head-bytes=32k"},
         [](auto& o) { return o.max_head_bytes == 32768 && o.max_request_line_bytes == 16384; }},
        {{"--max-head-bytes=4k"},
         [](auto& o) { return o.max_head_bytes == 4096 && o.max_request_line_bytes == 4096; }},
        {{"--max-head-bytes=4k", "--max-request-line-bytes=1k"},
         [](auto& o) { return o.max_request_line_bytes == 1024; }},
        {{"--max-body-bytes=5G"}, [](auto& o) { return o.max_body_bytes == 5ULL << 30U; }},
        {{"--h2-stream-window=65535"}, [](auto& o) { return o.h2_stream_window == 65535; }},

        {{"--access-log-dir="}, [](auto& o) { return o.access_log_dir.empty(); }},
        {{"--pid-file="}, [](auto& o) { return o.pid_file.empty(); }},
        {{"--access-log-dir=", "-p1"}, [](auto& o) { return o.port == 1; }},
        {{"--access-log-dir", "none"}, [](auto& o) { return o.access_log_dir == "none"; }},
        {{"--access-log-format=ltsv"}, [](auto& o) { return o.access_log_format == "ltsv"; }},
        {{"--access-log-rotate=7"}, [](auto& o) { return o.access_log_rotate == 7 * 24h; }},
        {{"--access-log-rotate=0"}, [](auto& o) { return o.access_log_rotate == 0s; }},
        {{"--access-log-rotate-time=60"},
         [](auto& o) { return o.access_log_rotate_time == 1h && o.access_log_rotate == 30h; }},
        {{"--access-log-rotate-time=6h", "--access-log-rotate=4"},
         [](auto& o) { return o.access_log_rotate_time == 6h && o.access_log_rotate == 24h; }},
        {{"--access-log-rotate-time=8784h", "--access-log-rotate=100000"},
         [](auto& o) { return o.access_log_rotate == 36500 * 24h; }},

        {{"--insecure"}, [](auto& o) { return o.insecure; }},
        {{"--insecure=false"}, [](auto& o) { return !o.insecure; }},
        {{"--no-http2"}, [](auto& o) { return !o.http2; }},
        {{"--no-http2", "--http2"}, [](auto& o) { return o.http2; }},
        {{"--keep-own-port"}, [](auto& o) { return o.keep_own_port; }},
        {{"--demo", "--demo-rtt=50ms"}, [](auto& o) { return o.demo && o.demo_rtt == 50ms; }},

        {{"--http-marker", "a", "b", "-p1"},
         [](auto& o) {
             return o.http_markers == std::vector<std::string>{"a", "b"};
         }},
        {{"--https-marker=a,b", "--https-marker=c"},
         [](auto& o) {
             return o.https_markers == std::vector<std::string>{"a", "b", "c"};
         }},
        {{"--http-marker=none"}, [](auto& o) { return o.http_markers.empty(); }},
        {{"--https-marker", "none"}, [](auto& o) { return o.https_markers.empty(); }},
        {{"--https-for", "*.amazonaws.com", "192.0.2.1", "--https-for=api.example.com"},
         [](auto& o) {
             return o.https_for ==
                    std::vector<std::string>{"*.amazonaws.com", "192.0.2.1", "api.example.com"};
         }},
        {{"--https-for=*"}, [](auto& o) { return o.https_for.size() == 1; }},
        {{"--resolver", "192.0.2.1", "[::1]:53", "192.0.2.2:5353", "::1"},
         [](auto& o) { return o.resolvers.size() == 4 && o.resolvers[1] == "[::1]:53"; }},

        {{"--allow-client", "10.0.0.0/8", "2001:db8::/32", "192.0.2.7"},
         [](auto& o) { return o.allow_client.size() == 3 && o.allow_client[0] == "10.0.0.0/8"; }},
        {{"--allow-client=loopback"},
         [](auto& o) { return o.allow_client == std::vector<std::string>{"loopback"}; }},
        {{"--allow-port=443", "--allow-port=8000-8999,80"},
         [](auto& o) {
             return o.allow_port == std::vector<std::string>{"443", "8000-8999", "80"};
         }},
        {{"--deny-target=none"}, [](auto& o) { return o.deny_target.empty(); }},
        {{"--https-for=none"}, [](auto& o) { return o.https_for.empty(); }},
        {{"--allow-target", "*.example.com", "127.0.0.0/8", "::1"},
         [](auto& o) { return o.allow_target.size() == 3 && o.deny_target.empty(); }},
        {{"--deny-target=private,api.example.com"},
         [](auto& o) {
             return o.deny_target == std::vector<std::string>{"private", "api.example.com"};
         }},
        {{"--allow-port", "443", "8000-8999"}, [](auto& o) { return o.allow_port.size() == 2; }},
        {{"--connect-port", "443", "8000-8999"},
         [](auto& o) { return o.connect_port.size() == 2; }},
        {{"--connect-port", "none"}, [](auto& o) { return o.connect_port.empty(); }},
        {{"--tunnel-timeout", "10m"}, [](auto& o) { return o.tunnel_timeout == 10min; }},

        {{"--upstream", "https://API.example.com."},
         [](auto& o) {
             return o.upstream == Origin{Scheme::https, "api.example.com", 443};
         }},
        {{"--upstream=http://10.0.0.1:8080/"},
         [](auto& o) {
             return o.upstream == Origin{Scheme::http, "10.0.0.1", 8080};
         }},
        {{"--upstream=HTTPS://[2001:DB8::1]:8443"},
         [](auto& o) {
             return o.upstream == Origin{Scheme::https, "2001:db8::1", 8443};
         }},
        {{"--upstream="}, [](auto& o) { return !o.upstream.has_value(); }},
        {{"--request-id-field=X-Request-Id"},
         [](auto& o) { return o.request_id_field == "X-Request-Id"; }},
        {{"--keep-warm=0"}, [](auto& o) { return o.keep_warm == 0s; }},
        {{"--keep-warm=2h"}, [](auto& o) { return o.keep_warm == 2h; }},
        {{"--warm-conns=4"}, [](auto& o) { return o.warm_conns == 4; }},
        {{"--warm", "https://a.example", "http://b.example:8080", "-p1"},
         [](auto& o) {
             return o.warm == std::vector<Origin>{{Scheme::https, "a.example", 443},
                                                  {Scheme::http, "b.example", 8080}};
         }},
        {{"--warm=https://a.example,https://b.example"},
         [](auto& o) { return o.warm.size() == 2; }},
        {{"--warm=none"}, [](auto& o) { return o.warm.empty(); }},
        {{"--warm=https://a.example", "--warm", "https://b.example"},
         [](auto& o) { return o.warm.size() == 2; }},
        {{"--warm-timeout=500ms"}, [](auto& o) { return o.warm_timeout == 500ms; }},
        {{"--state-file=none"}, [](auto& o) { return o.state_file == "none"; }},
        {{"--ping-interval=30"}, [](auto& o) { return o.ping_interval == 30s; }},
        {{"--dns-stale=1h", "--dns-grace=0"},
         [](auto& o) { return o.dns_stale == 1h && o.dns_grace == 0s; }},
        {{"--tcp-fast-open"}, [](auto& o) { return o.tcp_fast_open && !o.early_data; }},
        {{"--early-data"}, [](auto& o) { return o.early_data && !o.tcp_fast_open; }},
        {{"--stsize=10", "--spfactor=1"},
         [](auto& o) { return o.stsize == 10 && o.spfactor == 1; }},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(testing::PrintToString(row.arguments));
        EXPECT_TRUE(row.holds(accepted(row.arguments)));
    }
}

TEST(ParseOptions, NamesTheOptionTheValueAndWhatIsAllowed) {
    constexpr const char* a_time =
        ": must be a time up to a year, such as 30 (seconds), 500ms, 1.5s or 1h30m; 0 is no limit";
    constexpr const char* a_rotation =
        ": must be a time from 1m to a year, such as 24h or 1440 (minutes)";
    constexpr const char* a_url =
        ": must be a URL http://host[:port] or https://host[:port] without a path";
    constexpr const char* urls =
        ": must be URLs http://host[:port] or https://host[:port] without a path, or none alone";
    constexpr const char* an_address =
        ": must be an IPv4 or IPv6 address, such as 127.0.0.1 or ::1";
    constexpr const char* hosts =
        ": must be hosts without scheme and port, such as api.example.com or *.example.com, or "
        "none alone";
    constexpr const char* labels =
        ": must be host labels of up to 63 letters, digits, - and _, or none alone";
    constexpr const char* networks =
        ": must be networks such as 10.0.0.0/8 or 2001:db8::/32, addresses, loopback or private";
    const std::string targets =
        ": must be names such as api.example.com or *.example.com, networks such as 10.0.0.0/8, "
        "addresses, loopback or private";
    constexpr const char* ports = ": must be ports from 1 to 65535, or ranges such as 8000-8999";
    constexpr const char* ports_or_none =
        ": must be ports from 1 to 65535, or ranges such as 8000-8999, or none alone";
    constexpr const char* name_servers =
        ": must be addresses such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53";
    const struct {
        std::string argument;
        std::string text;
    } rows[] = {
        {"--listen=localhost", an_address},
        {"--listen=1.2.3", an_address},
        {"--port=65536", ": must be a number from 0 to 65535"},
        {"--port=-1", ": must be a number from 0 to 65535"},
        {"--port=80x", ": must be a number from 0 to 65535"},
        {"--port=99999999999999999999", ": must be a number from 0 to 65535"},
        {"--threads=0", ": must be a number from 1 to 64"},
        {"--threads=65", ": must be a number from 1 to 64"},
        {"--keepalive-conns=many", ": must be a number from 0 to 1000000"},
        {"--max-conns-per-host=-1", ": must be a number from 0 to 1000000"},
        {"--max-fields=0", ": must be a number from 1 to 10000"},
        {"--stsize=0", ": must be a number from 1 to 1000000"},
        {"--read-timeout=soon", a_time},
        {"--read-timeout=-1", a_time},
        {"--read-timeout=30x", a_time},
        {"--read-timeout=1h30", a_time},
        {"--read-timeout=1 h", a_time},
        {"--read-timeout=.", a_time},
        {"--read-timeout=1.2.3", a_time},
        {"--read-timeout=1e3", a_time},
        {"--read-timeout=inf", a_time},
        {"--read-timeout=9999999999999", a_time},
        {"--shutdown-timeout=x",
         ": must be a time up to a year, such as 30 (seconds), 500ms, 1.5s or 1h30m; 0 is at once"},
        {"--keep-warm=x",
         ": must be a time up to a year, such as 30 (seconds), 500ms, 1.5s or 1h30m; 0 is off"},
        {"--warm-conns=0", ": must be a number from 1 to 10000"},
        {"--warm=a.example", urls},
        {"--warm=https://a.example,https://b.example/path", urls},
        {"--access-log-rotate=week", ": must be a number of files from 0 to 100000"},
        {"--access-log-rotate-time=0", a_rotation},
        {"--access-log-rotate-time=59s", a_rotation},
        {"--access-log-format=xml", ": must be one of json, ltsv"},
        {"--log-level=loud", ": must be one of debug, info, warn, error, off"},
        {"--max-head-bytes=1",
         ": must be a size in bytes from 1k to 16m, such as 65536, 64k or 1m"},
        {"--h2-stream-window=4g",
         ": must be a size in bytes from 65535 to 2147483647, such as 65536, 64k or 1m"},
        {"--max-head-bytes=99999999999999999g",
         ": must be a size in bytes from 1k to 16m, such as 65536, 64k or 1m"},
        {"--max-head-bytes=k",
         ": must be a size in bytes from 1k to 16m, such as 65536, 64k or 1m"},
        {"--insecure=maybe", ": must be true or false"},
        {"--allow-client=10.0.0.1/8", networks},
        {"--allow-client=client.example.com", networks},
        {"--allow-target=https://api.example.com", targets},
        {"--allow-target=api.*.com", targets},
        {"--allow-target=127.1", targets},
        {"--deny-target=10.0.0.0/33", targets + ", or none alone"},
        {"--allow-port=0", ports},
        {"--allow-port=9-8", ports},
        {"--allow-port=https", ports},
        {"--connect-port=0", ports_or_none},
        {"--connect-port=443,none", ports_or_none},
        {"--http-marker=a,none", labels},
        {"--upstream=example.com", a_url},
        {"--upstream=ftp://example.com", a_url},
        {"--upstream=http://", a_url},
        {"--upstream=http:///", a_url},
        {"--upstream=http://example.com/path", a_url},
        {"--upstream=http://example.com?q", a_url},
        {"--upstream=http://user@example.com", a_url},
        {"--upstream=http://example.com:0", a_url},
        {"--upstream=http://example.com:", a_url},
        {"--upstream=http://exa mple.com", a_url},
        {"--upstream=http://a..b", a_url},
        {"--upstream=http://[::1", a_url},
        {"--upstream=http://[1.2.3.4]", a_url},
        {"--upstream=http://::1", a_url},
        {"--resolver=dns.example.com", name_servers},
        {"--resolver=192.0.2.1:0", name_servers},
        {"--resolver=192.0.2.1,x", name_servers},
        {"--http-marker=a.b", labels},
        {"--https-for=https://a.test", hosts},
        {"--https-for=a.test:443", hosts},
        {"--https-for=a.*.test", hosts},
        {"--https-for=*a.test", hosts},
        {"--https-for=a..test", hosts},
        {"--https-for=10.0.0.0/8", hosts},
        {"--https-marker=" + std::string(64, 'a'), labels},
        {"--request-id-field=X Request",
         ": must be a field name that has no other meaning: letters, digits and !#$%&'*+-.^_`|~"},
        {"--request-id-field=Content-Length",
         ": must be a field name that has no other meaning: letters, digits and !#$%&'*+-.^_`|~"},
        {"--via-name=a/b", ": must be a token: letters, digits and !#$%&'*+-.^_`|~"},
    };
    for (const auto& row : rows) EXPECT_EQ(refusal({row.argument}), row.argument + row.text);
}

TEST(ParseOptions, TakesNoneOnlyWhereItStandsAlone) {
    EXPECT_EQ(
        refusal({"--connect-port=none", "--connect-port=443"}),
        "--connect-port=none,443: must be ports from 1 to 65535, or ranges such as 8000-8999, "
        "or none alone");
}

TEST(ParseOptions, TakesNoListWithAHoleInIt) {
    EXPECT_THAT(refusal({"--https-for=a.example,,b.example"}),
                StartsWith("--https-for=a.example,,b.example: must be "));
    EXPECT_THAT(refusal({"--https-for", "a.example,,"}), StartsWith("--https-for=a.example,"));
}

TEST(ParseOptions, ChecksWhatIsSetTwiceBothTimes) {
    EXPECT_EQ(refusal({"--port=x", "--port=1"}), "--port=x: must be a number from 0 to 65535");
}

// What a template leaves empty must not open what was to be closed.
TEST(ParseOptions, TakesEmptyTextForAValueOnlyWhereItIsOne) {
    const std::string_view may_be_empty[] = {"access-log-dir", "pid-file", "upstream"};
    for (const auto& row : option_table()) {
        if (row.name == "help" || row.name == "version") continue;
        SCOPED_TRACE(row.name);
        const auto option = "--" + std::string{row.name} + "=";
        if (std::ranges::find(may_be_empty, row.name) != std::end(may_be_empty)) {
            EXPECT_EQ(refusal({option}), "");
            continue;
        }
        EXPECT_THAT(refusal({option}), StartsWith(option + ": must be "));
        EXPECT_THAT(refusal({option}), HasSubstr("; leave it out for the default ("));
    }
    EXPECT_EQ(refusal({"--allow-port="}),
              "--allow-port=: must be ports from 1 to 65535, or ranges such as 8000-8999; leave it "
              "out for the default (all)");
    EXPECT_EQ(refusal({"--insecure="}),
              "--insecure=: must be true or false; leave it out for the default (off)");
    EXPECT_EQ(refusal({"--port="}),
              "--port=: must be a number from 0 to 65535; leave it out for the default (3000)");
}

TEST(ParseOptions, TakesAnEmptyVariableForOneThatIsNotSet) {
    const Variable targets{"NIKAWA_ALLOW_TARGET", ""};
    const Variable port{"NIKAWA_PORT", ""};
    const auto options = accepted({});
    EXPECT_EQ(options.allow_target, Options{}.allow_target);
    EXPECT_EQ(options.port, Options{}.port);
}

TEST(ParseOptions, NamesArgumentsItDoesNotKnow) {
    EXPECT_EQ(refusal({"--prot=1"}), "unknown option --prot; did you mean --port?");
    EXPECT_EQ(refusal({"--proxy-read-timout", "1"}),
              "unknown option --proxy-read-timout; did you mean --proxy-read-timeout?");
    EXPECT_EQ(refusal({"--unheard-of"}), "unknown option --unheard-of");
    EXPECT_EQ(refusal({"--no-insecure"}),
              "unknown option --no-insecure; did you mean --insecure=false?");
    EXPECT_EQ(refusal({"--no-port"}), "unknown option --no-port");
    EXPECT_EQ(refusal({"--read"}), "unknown option --read");  // no abbreviations
    EXPECT_EQ(refusal({"-z"}), "unknown option -z");
    EXPECT_EQ(refusal({"serve"}), "unexpected argument 'serve': there are only options");
    EXPECT_EQ(refusal({"--insecure", "true"}),
              "unexpected argument 'true': there are only options");
    EXPECT_EQ(refusal({"-p", "1", "--", "x"}), refusal({"--"}));
    EXPECT_EQ(refusal({"--port"}),
              "--port: a value is missing; it must be a number from 0 to 65535");
    EXPECT_EQ(refusal({"-p"}), "-p: a value is missing; it must be a number from 0 to 65535");
}

TEST(ParseOptions, ReadsTheEnvironment) {
    const Variable port{"NIKAWA_PORT", "4000"};
    const Variable rotate{"NIKAWA_ACCESS_LOG_ROTATE_TIME", "1h"};
    const Variable insecure{"NIKAWA_INSECURE", "1"};
    const Variable http2{"NIKAWA_HTTP2", "off"};
    const Variable markers{"NIKAWA_HTTP_MARKER", "a,b"};
    const Variable stderr_log{"NIKAWA_ACCESS_LOG_DIR", ""};
    const auto options = accepted({});
    EXPECT_EQ(options.port, 4000);
    EXPECT_EQ(options.access_log_rotate_time, 1h);
    EXPECT_TRUE(options.insecure);
    EXPECT_FALSE(options.http2);
    EXPECT_EQ(options.http_markers, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(options.access_log_dir, "");
}

TEST(ParseOptions, NamesTheVariableThatIsWrong) {
    const Variable variable{"NIKAWA_READ_TIMEOUT", "soon"};
    EXPECT_THAT(refusal({}), StartsWith("NIKAWA_READ_TIMEOUT=soon: must be a time"));
}

TEST(ParseOptions, IsNotConfusedByKubernetes) {
    const Variable port{"NIKAWA_PORT", "tcp://10.0.0.1:3000"};
    const Variable of_another{"NIKAWA_ALLOW_PORT", "tcp://10.0.0.1:3000"};
    EXPECT_EQ(accepted({}), Options{});
}

TEST(StateFilePath, IsTheOneGivenOrTheOneOfTheService) {
    Options options;
    EXPECT_EQ(state_file_path(options), "");
    options.state_file = "none";
    EXPECT_EQ(state_file_path(options), "");
    options.state_file = "state";
    EXPECT_EQ(state_file_path(options), "state");

    const Variable variable{"STATE_DIRECTORY", "/var/lib/nikawa:/var/lib/other"};
    EXPECT_EQ(state_file_path(options), "state");
    EXPECT_EQ(state_file_path({}), "/var/lib/nikawa/state.json");
    options.state_file = "none";
    EXPECT_EQ(state_file_path(options), "");
}

TEST(Help, NamesEveryOptionAndFitsTheScreen) {
    const auto result = parse({"--port=1", "-h"});
    const auto& exit = std::get<ExitNow>(result);
    EXPECT_EQ(exit.exit_code, 0);
    for (const auto& row : option_table()) {
        EXPECT_THAT(exit.text, HasSubstr("--" + std::string{row.name}));
    }
    std::istringstream lines{exit.text};
    for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(line.size(), 100) << line;
        EXPECT_EQ(line.find_last_not_of(' ') + 1, line.size()) << line;
    }
}

TEST(Version, NamesTheProgramAndWhatItWasBuiltWith) {
    for (const char* option : {"-v", "--version"}) {
        const auto result = parse({option});
        const auto& exit = std::get<ExitNow>(result);
        EXPECT_EQ(exit.exit_code, 0);
        EXPECT_THAT(exit.text, testing::MatchesRegex("nikawa [0-9.]+\n.*OpenSSL 3.*\n"));
    }
}

}  // namespace
}  // namespace nikawa::daemon
