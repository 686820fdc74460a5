#include "nikawa/net/tls_stream.hpp"

#include "net/tls_test.hpp"
#include "nikawa/net/tls_alert.hpp"

namespace nikawa::net {
namespace {

class TlsStreamTest : public TlsTest {};

TEST_F(TlsStreamTest, AgreesOnTheProtocol) {
    establish();
    EXPECT_EQ(ours->protocol(), Protocol::http_2);
    EXPECT_EQ(theirs->protocol(), Protocol::http_2);
}

TEST_F(TlsStreamTest, SpeaksHttp11WithAServerThatKnowsNothingElse) {
    server.emplace(identity, std::vector{Protocol::http_1_1});
    establish();
    EXPECT_EQ(ours->protocol(), Protocol::http_1_1);
}

TEST_F(TlsStreamTest, SpeaksHttp11WithAServerThatDoesNotNegotiate) {
    server.emplace(identity, std::vector<Protocol>{});
    SSL_CTX_set_alpn_select_cb(server->native_handle(), nullptr, nullptr);
    establish();
    EXPECT_EQ(ours->protocol(), Protocol::http_1_1);
}

TEST_F(TlsStreamTest, OffersNoHttp2WhenToldSo) {
    client.emplace(trust_in(identity), TlsSettings{.offer_h2 = false});
    establish();
    EXPECT_EQ(ours->protocol(), Protocol::http_1_1);
}

TEST_F(TlsStreamTest, OffersNoHttp2ForOneConnectionWhenToldSo) {
    establish("origin.test", DialMode::http_1_1);
    EXPECT_EQ(ours->protocol(), Protocol::http_1_1);
    EXPECT_EQ(theirs->protocol(), Protocol::http_1_1);
    establish();
    EXPECT_EQ(ours->protocol(), Protocol::http_2);
}

TEST_F(TlsStreamTest, ResumesASessionInItsOwnProtocolAlone) {
    const auto establish_and_read = [this](DialMode mode) {
        establish("origin.test", mode);
        await(send_all(*theirs, "tickets come before this"));
        await(receive(*ours, 24));
        return ours->is_resumed();
    };
    EXPECT_FALSE(establish_and_read(DialMode::plain));
    EXPECT_FALSE(establish_and_read(DialMode::http_1_1));
    EXPECT_TRUE(establish_and_read(DialMode::http_1_1));
    EXPECT_TRUE(establish_and_read(DialMode::plain));
}

TEST_F(TlsStreamTest, AbortIsSeenAsAResetAndNotAsAnEnd) {
    establish();
    await(send_all(*ours, "some of it"));
    await(receive(*theirs, 10));
    ours->abort();
    const auto received = await(receive_all(*theirs));
    EXPECT_EQ(received.end.state, State::failed);
    EXPECT_EQ(received.end.error.message(), "Connection reset by peer");
}

TEST_F(TlsStreamTest, AcceptsTheCertificateOfAnAddress) {
    identity = identity_of("127.0.0.1");
    establish("127.0.0.1");
}

TEST_F(TlsStreamTest, AcceptsAWildcardOfOneLabelOnly) {
    identity = identity_of("*.origin.test");
    establish("www.origin.test");
    connect("a.b.origin.test");
    EXPECT_EQ(shake().ours.error().code, Errc::tls_certificate_rejected);
}

TEST_F(TlsStreamTest, RejectsCertificates) {
    struct Row {
        std::string_view why;
        PemIdentity shown;
        std::optional<PemIdentity> trusted;  // nullopt: the one that is shown
        long reason;
    };
    const Row rows[] = {
        {"wrong name", identity_of("other.test"), {}, X509_V_ERR_HOSTNAME_MISMATCH},
        {"an address", identity_of("127.0.0.1"), {}, X509_V_ERR_HOSTNAME_MISMATCH},
        {"expired", identity_of("origin.test", {-48h, -24h}), {}, X509_V_ERR_CERT_HAS_EXPIRED},
        {"not yet valid",
         identity_of("origin.test", {24h, 48h}),
         {},
         X509_V_ERR_CERT_NOT_YET_VALID},
        {"untrusted",
         identity_of("origin.test"),
         identity_of("ca.test"),
         X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.why);
        server.emplace(row.shown, std::vector{Protocol::http_2});
        client.emplace(trust_in(row.trusted.value_or(row.shown)), TlsSettings{});
        connect();
        const auto shaken = shake();
        ASSERT_FALSE(shaken.ours);
        EXPECT_EQ(shaken.ours.error().code, Errc::tls_certificate_rejected);
        EXPECT_EQ(shaken.ours.error().side, Side::origin);
        EXPECT_TRUE(shaken.ours.error().cause.message().starts_with(
            X509_verify_cert_error_string(row.reason)))
            << shaken.ours.error().cause.message();
        EXPECT_FALSE(shaken.theirs);

        client.emplace(trust_in(identity), TlsSettings{.verify = false});
        establish();
    }
}

TEST_F(TlsStreamTest, RefusesTls11) {
    connect();
    SSL_CTX* const ctx = server->native_handle();
    ASSERT_EQ(SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION), 1);
    ASSERT_EQ(SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION), 1);
    ASSERT_EQ(SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0"), 1);
    connect();
    const auto shaken = shake();
    ASSERT_FALSE(shaken.ours);
    EXPECT_EQ(shaken.ours.error().code, Errc::tls_failed);
    EXPECT_NE(shaken.ours.error().cause.message().find("protocol version"), std::string::npos)
        << shaken.ours.error().cause.message();
}

TEST_F(TlsStreamTest, SaysWhenThePeerDoesNotSpeakTls) {
    connect();
    ASSERT_GT(::send(their_raw_fd.get(), "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0), 0);
    const auto shaken = await(ours->handshake(Deadline::none()));
    ASSERT_FALSE(shaken);
    EXPECT_EQ(shaken.error().code, Errc::tls_failed);
    EXPECT_EQ(shaken.error().cause.message(), "wrong version number; it seems not to speak TLS");
}

TEST_F(TlsStreamTest, TimesOutOnAPeerThatStaysSilent) {
    connect();
    const auto shaken = await(ours->handshake(Deadline{std::chrono::steady_clock::now() + 20ms}));
    ASSERT_FALSE(shaken);
    EXPECT_EQ(shaken.error(), (Failure{Errc::tls_timed_out, Side::origin}));
}

TEST_F(TlsStreamTest, FailsWhenThePeerHangsUpInTheHandshake) {
    connect();
    ::shutdown(their_raw_fd.get(), SHUT_WR);
    const auto shaken = await(ours->handshake(Deadline::none()));
    ASSERT_FALSE(shaken);
    EXPECT_EQ(shaken.error().code, Errc::tls_failed);
    EXPECT_EQ(shaken.error().cause.message(), "the connection ended without close_notify");
}

TEST_F(TlsStreamTest, CarriesMuchInBothDirectionsAtOnce) {
    connect();
    const int small = 20'000;
    ASSERT_EQ(setsockopt(their_raw_fd.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    ASSERT_TRUE(shake().ours);
    const auto there = pattern(5'000'000);
    const auto back = pattern(4'000'001);
    Pending<int> our_sending{loop, send_all(*ours, there)};
    Pending<int> their_sending{loop, send_all(*theirs, back)};
    Pending<std::string> our_reading{loop, receive(*ours, back.size())};
    Pending<std::string> their_reading{loop, receive(*theirs, there.size())};
    run_until([&] { return our_reading.is_done() && their_reading.is_done(); });
    EXPECT_TRUE(our_reading.take() == back);
    EXPECT_TRUE(their_reading.take() == there);
    EXPECT_TRUE(our_sending.is_done());
    EXPECT_GT(their_sending.take(), 0);
}

// What is read ahead stays inside OpenSSL, where no epoll sees it.
TEST_F(TlsStreamTest, HidesNothingFromAReaderOfSmallPieces) {
    establish();
    const auto bytes = pattern(100'000);
    Pending<int> sending{loop, send_all(*theirs, bytes)};
    Pending<Received> reading{loop, receive_all(*ours, 100)};
    run_until([&] { return sending.is_done(); });
    theirs->close();
    run_until([&] { return reading.is_done(); });
    const auto received = reading.take();
    EXPECT_TRUE(received.bytes == bytes);
    EXPECT_EQ(received.end.state, State::end);
}

TEST_F(TlsStreamTest, GivesAllRecordsThatAreThereInOneRead) {
    establish();
    for (int i = 0; i < 3; ++i) theirs->try_write(std::array<Bytes, 1>{"record "});
    settle();
    std::string room(100, '\0');
    const auto got = ours->try_read(room);
    EXPECT_EQ(Bytes{room}.substr(0, got.bytes), "record record record ");
    EXPECT_EQ(ours->try_read(room).state, State::would_block);
}

TEST_F(TlsStreamTest, PacksSmallPiecesIntoOneRecord) {
    establish();
    const std::string body(1000, 'b');
    const auto sent = ours->try_write(std::array<Bytes, 4>{"head", "", body, "end"});
    EXPECT_EQ(sent.bytes, 1007u);
    std::array<unsigned char, 5> header{};
    ASSERT_EQ(::recv(their_raw_fd.get(), header.data(), header.size(), MSG_PEEK), 5);
    EXPECT_EQ(header[3] * 256 + header[4], 1007 + 17);  // one record: the type and the tag are 17
}

// OpenSSL holds the rest of a sealed record; the retry may bring more bytes after the same ones.
TEST_F(TlsStreamTest, GoesOnWithACutRecordWhenMoreHasBeenAppended) {
    connect();
    const int small = 5'000;
    setsockopt(their_raw_fd.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    ASSERT_TRUE(shake().ours);
    std::string outgoing = pattern(200'000);
    const auto expected = pattern(250'000);
    std::size_t sent = 0;
    for (;;) {
        const auto result = theirs->try_write(std::array<Bytes, 1>{Bytes{outgoing}.substr(sent)});
        if (result.state == State::would_block) break;
        sent += result.bytes;
    }
    outgoing = std::string{expected};  // elsewhere in memory, and longer
    Pending<int> rest{loop, send_all(*theirs, outgoing.substr(sent))};
    EXPECT_TRUE(await(receive(*ours, expected.size())) == expected);
    run_until([&] { return rest.is_done(); });
}

TEST_F(TlsStreamTest, TellsTheEndFromBeingCutOff) {
    establish();
    await(send_all(*theirs, "whole"));
    theirs->shutdown_send();
    const auto whole = await(receive_all(*ours));
    EXPECT_EQ(whole.bytes, "whole");
    EXPECT_EQ(whole.end.state, State::end);
    await(send_all(*ours, "thanks"));
    EXPECT_EQ(await(receive(*theirs, 6)), "thanks");

    establish();
    await(send_all(*theirs, "hal"));
    ::shutdown(their_raw_fd.get(), SHUT_WR);
    const auto cut = await(receive_all(*ours));
    EXPECT_EQ(cut.bytes, "hal");
    EXPECT_EQ(cut.end.state, State::failed);
    EXPECT_EQ(cut.end.error.message(), "the connection ended without close_notify");
}

TEST_F(TlsStreamTest, FailsAfterClose) {
    establish();
    Pending<Received> reading{loop, receive_all(*ours)};
    settle();
    ours->close();
    run_until([&] { return reading.is_done(); });
    EXPECT_EQ(reading.take().end.state, State::failed);
    EXPECT_EQ(ours->try_write(std::array<Bytes, 1>{"x"}).state, State::failed);
    EXPECT_EQ(await(receive_all(*theirs)).end.state, State::end);
}

TEST_F(TlsStreamTest, SurvivesWritingToAPeerThatHasReset) {
    establish();
    await(send_all(*ours, "unread"));
    const linger reset{1, 0};
    setsockopt(their_raw_fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    theirs.reset();
    their_raw_fd.reset();
    while (ours->try_write(std::array<Bytes, 1>{"x"}).state != State::failed) {
    }
    EXPECT_EQ(await(receive_all(*ours)).end.state, State::end);  // it came before the reset
}

TEST_F(TlsStreamTest, ResumesASession) {
    for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
        SCOPED_TRACE(version);
        server.reset();
        client.reset();
        connect();
        SSL_CTX_set_max_proto_version(server->native_handle(), version);
        for (const bool resumed : {false, true, true}) {
            establish();
            EXPECT_EQ(ours->is_resumed(), resumed);
            EXPECT_EQ(theirs->is_resumed(), resumed);
            await(send_all(*theirs, "tickets come before this"));
            await(receive(*ours, 24));
            ours->close();
        }
    }
}

// A server gives two tickets with a full handshake; those of the later ones are not read here.
TEST_F(TlsStreamTest, UsesATicketOnce) {
    establish();
    await(send_all(*theirs, "tickets come before this"));
    await(receive(*ours, 24));
    for (const bool resumed : {true, true, false}) {
        establish();
        EXPECT_EQ(ours->is_resumed(), resumed);
    }
}

TEST_F(TlsStreamTest, TellsOfAPeerThatHangsUpButNotOfTickets) {
    establish();
    ours->watch_peer(&closed);
    settle();
    EXPECT_EQ(closed.count, 0);
    theirs->close();
    run_until([&] { return closed.count == 1; });
}

TEST_F(TlsStreamTest, LeavesDataForTheReaderWhenWatching) {
    establish();
    ours->watch_peer(&closed);
    await(send_all(*theirs, "data"));
    settle();
    EXPECT_EQ(closed.count, 0);
    EXPECT_EQ(await(receive(*ours, 4)), "data");
}

// An answer that was not offered (RFC 7301 §3.2) would have us speak what the server does not
// expect.
TEST_F(TlsStreamTest, RefusesAProtocolThatItDidNotOffer) {
    for (const char* chosen : {"\x06spdy/3", "\x02h2"}) {
        SCOPED_TRACE(chosen);
        server.emplace(identity, std::vector<Protocol>{});
        client.emplace(trust_in(identity), TlsSettings{.offer_h2 = false});
        SSL_CTX_set_alpn_select_cb(
            server->native_handle(),
            [](SSL*,
               const unsigned char** out,
               unsigned char* size,
               const unsigned char*,
               unsigned,
               void* answer) {
                const auto* const text = static_cast<const unsigned char*>(answer);
                *size = text[0];
                *out = text + 1;
                return SSL_TLSEXT_ERR_OK;
            },
            const_cast<char*>(chosen));
        connect();
        const auto shaken = shake();
        ASSERT_FALSE(shaken.ours);
        EXPECT_EQ(shaken.ours.error().code, Errc::tls_failed);
    }
}

TEST_F(TlsStreamTest, TellsTheAlertOfAServerThatKnowsNoneOfOurCiphers) {
    server.emplace(identity, std::vector{Protocol::http_2});
    ASSERT_EQ(SSL_CTX_set_min_proto_version(server->native_handle(), TLS1_3_VERSION), 1);
    ASSERT_EQ(SSL_CTX_set_ciphersuites(server->native_handle(), "TLS_AES_128_CCM_8_SHA256"), 1);
    connect();
    const auto shaken = shake();
    ASSERT_FALSE(shaken.ours);
    EXPECT_EQ(shaken.ours.error().code, Errc::tls_failed);
    EXPECT_EQ(shaken.ours.error().cause.message(), "TLS alert 40: handshake failure");
    EXPECT_TRUE(is_tls_error(shaken.ours.error().cause));
    const auto alert = received_alert(shaken.ours.error().cause);
    ASSERT_TRUE(alert);
    EXPECT_EQ(alert->id, 40U);
    EXPECT_EQ(alert->name, "handshake failure");
}

TEST(TrustStore, NamesTheFileItCannotRead) {
    try {
        TrustStore::from_file("/nonexistent/ca.pem");
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string{error.what()}.find("/nonexistent/ca.pem"), std::string::npos);
    }
    EXPECT_NO_THROW(TrustStore::system());
}

}  // namespace
}  // namespace nikawa::net
