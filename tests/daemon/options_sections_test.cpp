#include "daemon/options_sections.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <array>
#include <fstream>

#include "nikawa/net/self_signed.hpp"
#include "support/temporary_directory.hpp"

namespace nikawa::daemon {
namespace {

using test::TemporaryDirectory;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The last section of a file.
FileSection section_of(std::string_view text) {
    const auto parsed = parse_settings(text);
    if (const auto* problem = std::get_if<FileProblem>(&parsed)) {
        ADD_FAILURE() << problem->text;
        return {};
    }
    return std::get<std::vector<FileSection>>(parsed).back();
}

TEST(OriginSection, SaysHowTlsIsDoneWithTheHostsItNames) {
    const auto parsed =
        origin_section(section_of("[origin api.example.com *.internal.example 192.0.2.1]\n"
                                  "ca-file = /etc/ca.pem\n"
                                  "client-cert = \"/etc/us.pem\"\n"
                                  "client-key = /etc/us.key\n"));
    ASSERT_TRUE(std::holds_alternative<OriginSection>(parsed));
    EXPECT_EQ(std::get<OriginSection>(parsed),
              (OriginSection{.patterns = {"api.example.com", "*.internal.example", "192.0.2.1"},
                             .ca_file = "/etc/ca.pem",
                             .client_cert = "/etc/us.pem",
                             .client_key = "/etc/us.key"}));
}

TEST(OriginSection, IsRefusedWithTheLineAndWhatMayStandThere) {
    const struct {
        std::string_view text;
        std::size_t line;
        std::string_view problem;
    } rows[] = {
        {"[origin]", 1, "[origin] must name hosts: [origin api.example.com *.example.net]"},
        {"\n[origin a.test https://a.test]",
         2,
         "[origin https://a.test]: must be hosts without a port, such as api.example.com, "
         "*.example.com or 192.0.2.1, with blanks between"},
        {"[origin a.*.test]",
         1,
         "[origin a.*.test]: must be hosts without a port, such as api.example.com, "
         "*.example.com or 192.0.2.1, with blanks between"},
        {"[origin a.test]\nport = 3000",
         2,
         "port cannot stand in a section [origin ...], where there are only ca-file, client-cert, "
         "client-key; it must stand before the first section"},
        {"[origin a.test]\nclient-certificate = x",
         2,
         "client-certificate cannot stand in a section [origin ...], where there are only ca-file, "
         "client-cert, client-key"},
        {"[origin a.test]\nca-file = a\nca-file = b", 3, "ca-file stands in this section already"},
        {"[origin a.test]\nca-file = [a, b]", 2, "ca-file must be the name of one file"},
        {"[origin a.test]\nca-file = \"\"", 2, "ca-file must be the name of one file"},
        {"[origin a.test]\n\nclient-key = a.key",
         3,
         "client-key needs client-cert = FILE, the certificate it belongs to"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        const auto parsed = origin_section(section_of(row.text));
        ASSERT_TRUE(std::holds_alternative<FileProblem>(parsed));
        EXPECT_EQ(std::get<FileProblem>(parsed).text, row.problem);
        EXPECT_EQ(std::get<FileProblem>(parsed).line, row.line);
    }
}

TEST(MapSection, SaysWhatHostsMean) {
    std::vector<MapEntry> map;
    const auto problem = add_map_entries(section_of("[map]\n"
                                                    "*.example.com = https\n"
                                                    "Old.example.net. = HTTP://app.test\n"
                                                    "192.0.2.1 = http\n"
                                                    "2001:db8::1 = \"https://[::1]:8443/\"\n"
                                                    "* = http\n"),
                                         map);
    EXPECT_EQ(problem.text, "");
    const auto hosts = [](const char* text) { return http::HostPattern::parse(text).value(); };
    const mapping::MapEntry expected[] = {
        {hosts("*.example.com"), http::Scheme::https, {}, {}},
        {hosts("old.example.net"), http::Scheme::http, "app.test", 80},
        {hosts("192.0.2.1"), http::Scheme::http, {}, {}},
        {hosts("2001:db8::1"), http::Scheme::https, "::1", 8443},
        {hosts("*"), http::Scheme::http, {}, {}},
    };
    ASSERT_EQ(map.size(), std::size(expected));
    for (std::size_t i = 0; i < map.size(); ++i) {
        SCOPED_TRACE(map[i].host);
        const auto entry = map_entry(map[i]);
        ASSERT_TRUE(entry);
        EXPECT_EQ(entry->hosts, expected[i].hosts);
        EXPECT_EQ(entry->scheme, expected[i].scheme);
        EXPECT_EQ(entry->host, expected[i].host);
        EXPECT_EQ(entry->port, expected[i].port);
    }
}

TEST(MapSection, IsRefusedWithTheLineAndWhatMayStandThere) {
    const std::string a_host =
        ": must be a host without a port, such as api.example.com, *.example.com or 192.0.2.1";
    const std::string an_origin =
        ": must be https, http, or a URL https://host[:port] or http://host[:port] without a path";
    const struct {
        std::string_view text;
        std::size_t line;
        std::string problem;
    } rows[] = {
        {"\n[map a.test]", 2, "[map] takes no names; they stand below it: api.example.com = https"},
        {"[map]\na.test:80 = https", 2, "[map] a.test:80" + a_host},
        {"[map]\nhttps://a.test = https", 2, "[map] https://a.test" + a_host},
        {"[map]\na.*.test = https", 2, "[map] a.*.test" + a_host},
        {"[map]\nupstream = https://b.test",
         2,
         "[map] upstream: is an option, which must stand before the first section"},
        {"[map]\na.test = https\nport = 3001",
         3,
         "[map] port: is an option, which must stand before the first section"},
        {"[map]\na.test", 2, "[map] a.test = true" + an_origin},
        {"[map]\na.test = b.test", 2, "[map] a.test = b.test" + an_origin},
        {"[map]\na.test = HTTPS", 2, "[map] a.test = HTTPS" + an_origin},
        {"[map]\na.test = https://b.test/v1", 2, "[map] a.test = https://b.test/v1" + an_origin},
        {"[map]\na.test = https://b.test:0", 2, "[map] a.test = https://b.test:0" + an_origin},
        {"[map]\na.test = [http, https]", 2, "[map] a.test = " + an_origin},
        {"[map]\na.test = http\n\nA.TEST = https",
         4,
         "[map] A.TEST: would never count, for a.test stands above"},
        {"[map]\n*.test = http\nb.a.test = https",
         3,
         "[map] b.a.test: would never count, for *.test stands above"},
        {"[map]\n*.test = http\n*.a.test = https",
         3,
         "[map] *.a.test: would never count, for *.test stands above"},
        {"[map]\n* = http\n*.test = https",
         3,
         "[map] *.test: would never count, for * stands above"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        std::vector<MapEntry> map;
        const auto problem = add_map_entries(section_of(row.text), map);
        EXPECT_EQ(problem.text, row.problem);
        EXPECT_EQ(problem.line, row.line);
    }
}

TEST(MapSection, TakesWhatStandsBelowAndIsNotCovered) {
    std::vector<MapEntry> map;
    const auto problem = add_map_entries(
        section_of("[map]\na.a.test = http\n*.a.test = http\na.test = http\n*.test = http\n"
                   "test = http\n* = http\n192.0.2.1 = http\n"),
        map);
    EXPECT_EQ(problem.text, "");
    EXPECT_EQ(map.size(), 7);
}

class OriginFiles : public testing::Test {
protected:
    std::string file(const std::string& name, std::string_view text) const {
        const auto path = (directory.path() / name).string();
        std::ofstream{path} << text;
        return path;
    }

    FileProblem problem(const std::string& settings) const {
        const auto section = section_of("[origin a.test]\n" + settings);
        return problem_with_files(section, std::get<OriginSection>(origin_section(section)));
    }

    static net::PemIdentity identity() {
        return net::make_self_signed(std::array<std::string, 1>{"us.test"});
    }

    static std::string encrypted(const std::string& key) {
        BIO* const in = BIO_new_mem_buf(key.data(), static_cast<int>(key.size()));
        EVP_PKEY* const plain = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
        BIO* const out = BIO_new(BIO_s_mem());
        std::array<char, 7> passphrase{"secret"};
        PEM_write_bio_PKCS8PrivateKey(
            out, plain, EVP_aes_128_cbc(), passphrase.data(), 6, nullptr, nullptr);
        char* text = nullptr;
        const auto size = BIO_get_mem_data(out, &text);
        std::string result{text, static_cast<std::size_t>(size)};
        BIO_free(in);
        BIO_free(out);
        EVP_PKEY_free(plain);
        return result;
    }

    TemporaryDirectory directory;
    net::PemIdentity us = identity();
    std::string cert = file("us.pem", us.certificate);
    std::string key = file("us.key", us.key);
};

TEST_F(OriginFiles, AreFineInOneFileOrTwoAndWithAChain) {
    const auto both = file("both.pem", us.key + us.certificate + identity().certificate);
    EXPECT_EQ(problem("").text, "");
    EXPECT_EQ(problem("ca-file = " + cert).text, "");
    EXPECT_EQ(problem("client-cert = " + cert + "\nclient-key = " + key).text, "");
    EXPECT_EQ(problem("client-cert = " + both).text, "");
}

TEST_F(OriginFiles, AreRefusedWithTheirLineTheReasonAndWhatToDo) {
    const auto missing = (directory.path() / "missing").string();
    const auto text = file("text", "no certificate");
    const auto cut = us.certificate.substr(0, 100) + us.certificate.substr(140);
    const auto damaged = file("damaged.pem", us.certificate + cut);
    const auto other = file("other.key", identity().key);
    const auto locked = file("locked.key", encrypted(us.key));
    const auto folder = directory.path().string();
    const struct {
        std::string settings;
        std::size_t line;
        std::string text;
    } rows[] = {
        {"ca-file = " + missing, 2, "ca-file = " + missing + ": cannot be read: No such file"},
        {"ca-file = " + folder, 2, "ca-file = " + folder + ": cannot be read: Is a directory"},
        {"ca-file = " + text,
         2,
         "ca-file = " + text +
             ": holds no certificate; it must be a PEM file with lines -----BEGIN CERTIFICATE"},
        {"ca-file = " + damaged, 2, "ca-file = " + damaged + ": a certificate in it is damaged: "},
        {"\nclient-cert = " + missing, 3, "client-cert = " + missing + ": cannot be read: "},
        {"client-cert = " + cert,
         2,
         "client-cert = " + cert +
             ": holds no usable private key; it must be a PEM file with lines -----BEGIN PRIVATE "
             "KEY"},
        {"client-cert = " + cert + "\nclient-key = " + missing,
         3,
         "client-key = " + missing + ": cannot be read: No such file"},
        {"client-cert = " + cert + "\nclient-key = " + other,
         3,
         "client-key = " + other + ": the private key is not that of the certificate in " + cert},
        {"client-cert = " + cert + "\nclient-key = " + locked,
         3,
         "client-key = " + locked + ": the private key is encrypted, and there is nobody to ask"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.settings);
        const auto found = problem(row.settings);
        EXPECT_THAT(found.text, StartsWith(row.text));
        EXPECT_THAT(found.text, Not(HasSubstr("MII")));  // nothing of the keys
        EXPECT_EQ(found.line, row.line);
    }
}

TEST_F(OriginFiles, MakeProfilesInTheOrderOfTheSections) {
    Options options;
    options.origin_sections = {
        {.patterns = {"a.test", "*.b.test"}, .ca_file = {}, .client_cert = cert, .client_key = key},
        {.patterns = {"*"}, .ca_file = cert, .client_cert = {}, .client_key = {}}};
    const auto profiles = tls_profiles(options);
    ASSERT_EQ(profiles.size(), 2);
    EXPECT_TRUE(profiles[0].hosts.at(1).matches("x.b.test"));
    EXPECT_TRUE(profiles[0].certificate.has_value());
    EXPECT_FALSE(profiles[0].trust.has_value());
    EXPECT_FALSE(profiles[1].certificate.has_value());
    EXPECT_TRUE(profiles[1].trust.has_value());
}

}  // namespace
}  // namespace nikawa::daemon
