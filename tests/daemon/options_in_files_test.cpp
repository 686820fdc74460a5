#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "daemon/options_fixture.hpp"
#include "support/temporary_directory.hpp"

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;
using test::TemporaryDirectory;
using testing::HasSubstr;
using testing::StartsWith;

class ConfigFile : public testing::Test {
protected:
    std::string file(std::string_view text) const {
        const auto path = (directory.path() / "nikawa.conf").string();
        std::ofstream{path} << text;
        return path;
    }

    TemporaryDirectory directory;
};

TEST_F(ConfigFile, HoldsOptionsByTheirLongNames) {
    const auto options = accepted({"--config",
                                   file("# comment\n"
                                        "port = 4000\n"
                                        "read-timeout = \"1m\"\n"
                                        "insecure\n"
                                        "http2 = false\n"
                                        "http-marker = [a, \"b\"]\n"
                                        "https-marker = c,d\n"
                                        "warm = none\n")});
    EXPECT_EQ(options.port, 4000);
    EXPECT_EQ(options.read_timeout, 1min);
    EXPECT_TRUE(options.insecure);
    EXPECT_FALSE(options.http2);
    EXPECT_EQ(options.http_markers, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(options.https_markers, (std::vector<std::string>{"c", "d"}));
}

TEST_F(ConfigFile, ComesAfterTheEnvironmentAndThatAfterTheCommandLine) {
    const Variable config{"NIKAWA_CONFIG", file("port = 1\nthreads = 2\nstsize = 3\n")};
    const Variable threads{"NIKAWA_THREADS", "20"};
    const Variable stsize{"NIKAWA_STSIZE", "30"};
    const auto options = accepted({"--stsize=300"});
    EXPECT_EQ(options.port, 1);
    EXPECT_EQ(options.threads, 20);
    EXPECT_EQ(options.stsize, 300);
}

// Within one source lists add up; those of a stronger one replace them.
TEST_F(ConfigFile, AddsUpListsThatAreSetInSeveralLines) {
    const auto path = file(
        "allow-port = 1\nport = 1\nallow-port = [2, 3]\nport = 2\ndeny-target = a.test\n"
        "http-marker = a\nhttp-marker = b,c\n");
    const Variable marker{"NIKAWA_HTTP_MARKER", "d,e"};
    const Variable denied{"NIKAWA_DENY_TARGET", "none"};
    using Values = std::vector<std::string>;
    const auto options = accepted({"--config", path});
    EXPECT_EQ(options.allow_port, (Values{"1", "2", "3"}));
    EXPECT_EQ(options.port, 2);
    EXPECT_EQ(options.http_markers, (Values{"d", "e"}));
    EXPECT_EQ(options.deny_target, Values{});
    EXPECT_EQ(accepted({"--config", path, "--http-marker=f"}).http_markers, Values{"f"});
}

TEST_F(ConfigFile, IsRefusedWithItsNameAndLine) {
    const struct {
        std::string_view text;
        std::string refusal;
    } rows[] = {
        {"\nport = 70000", ":2: port = 70000: must be a number from 0 to 65535"},
        {"prot = 1", ":1: unknown option prot; did you mean port?"},
        {"unheard-of = 1", ":1: unknown option unheard-of"},
        {"no-http2", ":1: unknown option no-http2; did you mean http2 = false?"},
        {"port = 1\nallow-port = []",
         ":2: allow-port = : must be ports from 1 to 65535, or ranges such as 8000-8999; leave it "
         "out for the default (all)"},
        {"ca-file = \"\"",
         ":1: ca-file = : must be a path; leave it out for the default (the system's)"},
        {"connect-port = 443\n\nconnect-port = none",
         ":3: connect-port = 443,none: must be ports from 1 to 65535, or ranges such as 8000-8999, "
         "or none alone"},
        {"stsize = 0\nport = x", ":1: stsize = 0: must be a number from 1 to 1000000"},
        {"config = x", ":1: config cannot stand in a file"},
        {"demo", ":1: demo cannot stand in a file"},
        {"help", ":1: help cannot stand in a file"},
        {"port = [1, 2]", ":1: port takes one value, not an array"},
        {"port = []", ":1: port takes one value, not an array"},
        {"[server]",
         ":1: unknown section [server]; there are [origin PATTERN...] and "
         "[map]"},
        {"[map a]", ":1: [map] takes no names; they stand below it: api.example.com = https"},
        {"[map]\na.test = ftp",
         ":2: [map] a.test = ftp: must be https, http, or a URL "
         "https://host[:port] or http://host[:port] without a path"},
        {"[map]\na.test = https\n[origin b.test]\n[map]\n\nA.test. = http",
         ":6: [map] A.test.: would never count, for a.test stands above"},
        {"http-marker = [a, b.c]",
         ":1: http-marker = a,b.c: must be host labels of up to 63 letters, digits, - and _, "
         "or none alone"},
    };
    for (const auto& row : rows) {
        const auto path = file(row.text);
        EXPECT_EQ(refusal({"--config", path}), path + row.refusal);
    }
}

TEST_F(ConfigFile, NamesOriginsOfPlainHosts) {
    const auto path = file(
        "https-for = [\"*.amazonaws.com\", api.example.com]\n"
        "[map]\n"
        "db.example.com = https://db.internal.example.net:8443\n"
        "[origin a.test]\n"
        "[map]  # once more\n"
        "*.example.com = \"http\"\n");
    const auto options = accepted({"--config", path});
    EXPECT_EQ(options.https_for, (std::vector<std::string>{"*.amazonaws.com", "api.example.com"}));
    EXPECT_EQ(options.map,
              (std::vector<MapEntry>{{"db.example.com", "https://db.internal.example.net:8443"},
                                     {"*.example.com", "http"}}));

    const auto marked = file("[map]\na.ccnproxy.test = https\n");
    EXPECT_EQ(refusal({"--config", marked}),
              marked +
                  ":2: [map] a.ccnproxy.test: would never count, for the marker ccnproxy in it "
                  "says already "
                  "which origin is meant");
}

TEST_F(ConfigFile, MustBeReadable) {
    const auto missing = (directory.path() / "missing").string();
    EXPECT_EQ(refusal({"--config=" + missing}),
              "--config=" + missing + ": cannot be read: No such file or directory");
    const auto path = directory.path().string();
    EXPECT_EQ(refusal({"--config=" + path}),
              "--config=" + path + ": cannot be read: Is a directory");
    const Variable config{"NIKAWA_CONFIG", missing};
    EXPECT_EQ(refusal({}),
              "NIKAWA_CONFIG=" + missing + ": cannot be read: No such file or directory");
}

// What options say together, and what the files are like that they name, is known only at the end.
TEST_F(ConfigFile, IsNamedWithTheLineOfWhatIsFoundWrongAtTheEnd) {
    const struct {
        std::string text;
        std::string refusal;
    } rows[] = {
        {"port = 1\nca-file = /nope", ":2: ca-file = /nope: cannot be read: No such file"},
        {"aws-credentials = /nope", ":1: aws-credentials = /nope: "},
        {"access-log-dir = /dev/null", ":1: access-log-dir = /dev/null: must be a directory"},
        {"pid-file = /nope/pid", ":1: pid-file = /nope/pid: must be a file that can be written"},
        {"\nstate-file = /nope/s", ":2: state-file = /nope/s: must be a file that can be written"},
        {"max-head-bytes = 4k\nmax-request-line-bytes = 8k",
         ":2: max-request-line-bytes = 8k: must not be more than max-head-bytes, 4096, for the "
         "line "
         "is a part of the head; lower it, or raise max-head-bytes"},
        {"http-marker = a\nhttp-marker = CCNproxy-ssl\nhttp-marker = b",
         ":2: http-marker = CCNproxy-ssl: is also an https-marker; it can mean only one"},
        {"https-marker = [a, ccnproxy]",
         ":1: https-marker = ccnproxy: is also an http-marker; it can mean only one"},
        {"https-for = a.test\nhttps-for = b.ccnproxy",
         ":2: https-for = b.ccnproxy: would never count"},
        {"[map]\na.test = https\n[origin b.test]\n[map]\nx.ccnproxy = https",
         ":5: [map] x.ccnproxy: would never count"},
        {"[origin a.test]\n[origin b.test *.x.CCNproxy-https]",
         ":2: [origin *.x.CCNproxy-https]: would never count, for the marker CCNproxy-https is no "
         "part of an origin's name; write *.x"},
        {"[origin x.ccnproxy.]",
         ":1: [origin x.ccnproxy.]: would never count, for the marker ccnproxy"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        const auto path = file(row.text);
        EXPECT_THAT(refusal({"--config", path}), StartsWith(path + row.refusal));
    }
    const Variable variable{"NIKAWA_CA_FILE", "/nope"};
    EXPECT_THAT(refusal({}), StartsWith("NIKAWA_CA_FILE=/nope: cannot be read: "));
    EXPECT_THAT(refusal({"--config", file("ca-file = /other")}),
                StartsWith("NIKAWA_CA_FILE=/nope: "));
    EXPECT_THAT(refusal({"--ca-file=/third"}), StartsWith("--ca-file=/third: cannot be read: "));
}

// Whose own name holds a marker, but not at its end, or is one.
TEST_F(ConfigFile, HasSectionsForAllNamesThatOriginsMayHave) {
    const auto path = file("[origin ccnproxy.example.com *.ccnproxy-https.test ccnproxy]\n");
    EXPECT_EQ(accepted({"--config", path}).origin_sections.size(), 1);
}

class CheckTest : public ConfigFile {};

TEST_F(CheckTest, SaysThatAllIsFine) {
    const auto result = parse({"--check",
                               "--access-log-dir",
                               directory.path() / "new" / "one",
                               "--pid-file",
                               directory.path() / "pid"});
    ASSERT_TRUE(std::holds_alternative<ExitNow>(result));
    EXPECT_EQ(std::get<ExitNow>(result).exit_code, 0);
    EXPECT_EQ(std::get<ExitNow>(result).text, "configuration is fine\n");
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST_F(CheckTest, TakesPathsFromWhereItIs) {
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory.path());
    for (const char* path : {"logs", "logs/", "logs/a/b", "./logs", "../logs", "."}) {
        EXPECT_EQ(refusal({"--access-log-dir", path}), "");
    }
    EXPECT_EQ(refusal({"--pid-file=pid", "--state-file=state.json"}), "");
    EXPECT_EQ(refusal({"--pid-file=run/pid"}),
              "--pid-file=run/pid: must be a file that can be written: run: No such file or "
              "directory");
    std::filesystem::current_path(before);
}

TEST_F(CheckTest, FindsWhatIsWrongWithFilesAsAStartDoes) {
    const auto plain = file("no certificate");
    const auto missing = (directory.path() / "missing").string();
    const struct {
        std::string option;
        std::string text;
    } rows[] = {
        {"--ca-file=" + missing, ": cannot be read: No such file or directory"},
        {"--ca-file=" + plain,
         ": holds no certificate; it must be a PEM file with lines -----BEGIN CERTIFICATE-----"},
        {"--access-log-dir=" + plain,
         ": must be a directory to write to, stdout or none: " + plain + " is not a directory"},
        {"--access-log-dir=/proc/nikawa",
         ": must be a directory to write to, stdout or none: /proc cannot be written to: "},
        {"--pid-file=" + missing + "/pid",
         ": must be a file that can be written: " + missing + ": No such file or directory"},
        {"--state-file=" + missing + "/state.json",
         ": must be a file that can be written: " + missing + ": No such file or directory"},
        {"--pid-file=" + directory.path().string(),
         ": must be a file that can be written: " + directory.path().string() + " is a directory"},
        {"--max-request-line-bytes=128k",
         ": must not be more than max-head-bytes, 65536, for the line is a part of the head; lower "
         "it, or raise max-head-bytes"},
        {"--http-marker=CCNproxy-ssl", ": is also an https-marker; it can mean only one"},
        {"--https-for=*.a.test.CCNproxy-https",
         ": would never count, for the marker CCNproxy-https in it says already which origin is "
         "meant"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.option);
        if (row.option.find("/proc") != std::string::npos && geteuid() == 0) continue;
        EXPECT_THAT(refusal({row.option}), HasSubstr(row.text));
        EXPECT_THAT(refusal({row.option}), StartsWith(row.option.substr(0, 10)));
        EXPECT_EQ(refusal({"--check", row.option}), refusal({row.option}));
    }
}

}  // namespace
}  // namespace nikawa::daemon
