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
        const auto path = (directory.path() / "nikawa.toml").string();
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
                                        "resolver = []\n")});
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

TEST_F(ConfigFile, IsRefusedWithItsNameAndLine) {
    const struct {
        std::string_view text;
        std::string refusal;
    } rows[] = {
        {"\nport = 70000", ":2: port = 70000: must be a number from 0 to 65535"},
        {"prot = 1", ":1: unknown option prot; did you mean port?"},
        {"unheard-of = 1", ":1: unknown option unheard-of"},
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
         ":1: http-marker = a,b.c: must be host labels of up to 63 letters, digits, - and _"},
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
    EXPECT_EQ(
        refusal({"--config", marked}),
        "[map] a.ccnproxy.test: would never count, for the marker ccnproxy in it says already "
        "which origin is meant");
}

TEST_F(ConfigFile, MustBeReadable) {
    const auto missing = (directory.path() / "missing").string();
    EXPECT_EQ(refusal({"--config=" + missing}),
              "--config=" + missing + ": cannot be read: No such file or directory");
    const auto path = directory.path().string();
    EXPECT_EQ(refusal({"--config=" + path}),
              "--config=" + path + ": cannot be read: Is a directory");
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
        {"--max-request-line-bytes=128k",
         ": must not be more than --max-head-bytes=65536, of which the line is a part"},
        {"--http-marker=CCNproxy-ssl", ": is also an --https-marker; it can mean only one"},
        {"--https-for=*.a.test.CCNproxy-https",
         ": would never count, for the marker ccnproxy-https in it says already which origin is "
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
