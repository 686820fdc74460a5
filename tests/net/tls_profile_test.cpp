// What differs from origin to origin: whom we trust, and what we show.

#include <fstream>

#include "net/tls_test.hpp"
#include "nikawa/net/tls_alert.hpp"
#include "support/temporary_directory.hpp"

namespace nikawa::net {
namespace {

class TlsProfileTest : public TlsTest {
protected:
    static PemIdentity identity_of_both() {
        return make_self_signed(std::array<std::string, 2>{"inside.test", "outside.test"});
    }

    // Of a client certificate: any will do, or none; without one there is no service.
    void ask_for_certificate(bool is_accepted) {
        server.emplace(identity, std::vector{Protocol::http_2});
        SSL_CTX_set_verify(server->native_handle(),
                           SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                           is_accepted ? accept : reject);
    }

    static int accept(int /*is_fine*/, X509_STORE_CTX* /*store*/) { return 1; }
    static int reject(int /*is_fine*/, X509_STORE_CTX* store) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED);
        return 0;
    }

    static ClientCertificate certificate_of(const PemIdentity& shown) {
        const test::TemporaryDirectory directory;
        const auto file = (directory.path() / "client.pem").string();
        std::ofstream{file} << shown.certificate << shown.key;
        return ClientCertificate::from_files(file, file);
    }

    static std::vector<http::HostPattern> hosts(std::string_view pattern) {
        return {http::HostPattern::parse(pattern).value()};
    }

    // The handshake is over for us, and then the server says no.
    void expect_alert_at_first_read(unsigned id, std::string_view message) {
        const auto shaken = shake();
        ASSERT_TRUE(shaken.ours);
        EXPECT_FALSE(shaken.theirs);
        const auto received = await(receive_all(*ours));
        EXPECT_EQ(received.bytes, "");
        ASSERT_EQ(received.end.state, State::failed);
        EXPECT_EQ(received.end.error.message(), message);
        ASSERT_TRUE(received_alert(received.end.error));
        EXPECT_EQ(received_alert(received.end.error)->id, id);
    }
};

TEST_F(TlsProfileTest, ShowsItsCertificateToItsOriginsAlone) {
    identity = identity_of_both();
    client.emplace(
        trust_in(identity),
        TlsSettings{.profiles = {{.hosts = hosts("inside.test"),
                                  .certificate = certificate_of(identity_of("us.test"))}}});
    ask_for_certificate(true);
    establish("inside.test");

    connect("outside.test");
    expect_alert_at_first_read(116, "TLS alert 116: certificate required");
    SSL_CTX_set_max_proto_version(server->native_handle(), TLS1_2_VERSION);
    connect("outside.test");
    const auto shaken = shake();
    ASSERT_FALSE(shaken.ours);
    EXPECT_EQ(shaken.ours.error().code, Errc::tls_failed);
    EXPECT_EQ(shaken.ours.error().cause.message(), "TLS alert 40: handshake failure");
}

TEST_F(TlsProfileTest, TellsWhyItsCertificateIsNotTaken) {
    client.emplace(
        trust_in(identity),
        TlsSettings{.profiles = {{.hosts = hosts("*"),
                                  .certificate = certificate_of(identity_of("us.test"))}}});
    ask_for_certificate(false);
    connect();
    expect_alert_at_first_read(44, "TLS alert 44: certificate revoked");
}

// A server that closes with something unread resets the connection, behind its alert.
TEST_F(TlsProfileTest, TellsWhyEvenIfWritingFailsFirst) {
    ask_for_certificate(true);
    connect();
    ASSERT_TRUE(shake().ours);
    const linger reset{1, 0};
    setsockopt(their_raw_fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    theirs.reset();
    their_raw_fd.reset();
    const auto written = ours->try_write(std::array<Bytes, 1>{"GET"});
    ASSERT_EQ(written.state, State::failed);
    EXPECT_EQ(written.error.message(), "TLS alert 116: certificate required");
    EXPECT_EQ(await(receive_all(*ours)).end.error, written.error);
}

TEST_F(TlsProfileTest, TrustsItsOwnAuthoritiesAndTheOthersNot) {
    const auto private_authority = identity_of_both();
    identity = identity_of_both();
    client.emplace(trust_in(identity),
                   TlsSettings{.profiles = {{.hosts = hosts("inside.test"),
                                             .trust = trust_in(private_authority)},
                                            {.hosts = hosts("*.test"), .trust = {}}}});
    struct Row {
        const PemIdentity& shown;
        const char* host;
        bool is_accepted;
    };
    for (const Row& row : {Row{private_authority, "inside.test", true},
                           Row{private_authority, "outside.test", false},
                           Row{identity, "inside.test", false},
                           Row{identity, "outside.test", true}}) {
        SCOPED_TRACE(row.host);
        server.emplace(row.shown, std::vector{Protocol::http_2});
        connect(row.host);
        const auto shaken = shake();
        EXPECT_EQ(shaken.ours.has_value(), row.is_accepted);
        if (!shaken.ours) {
            EXPECT_EQ(shaken.ours.error().code, Errc::tls_certificate_rejected);
        }
    }
}

// What was verified for one origin, by one profile, says nothing about another.
TEST_F(TlsProfileTest, ResumesWithTheOriginThatGaveTheSessionAlone) {
    identity = identity_of_both();
    client.emplace(trust_in(identity), TlsSettings{.profiles = {{.hosts = hosts("inside.test")}}});
    for (const char* host : {"inside.test", "outside.test"}) {
        establish(host);
        EXPECT_FALSE(ours->is_resumed()) << host;
        await(send_all(*theirs, "tickets come before this"));
        await(receive(*ours, 24));
        ours->close();
    }
    for (const char* host : {"inside.test", "outside.test"}) {
        establish(host);
        EXPECT_TRUE(ours->is_resumed()) << host;
    }
}

}  // namespace
}  // namespace nikawa::net
