#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>

#include <array>

#include "net/io_test.hpp"
#include "net/openssl.hpp"
#include "net/trusted.hpp"
#include "nikawa/net/self_signed.hpp"
#include "nikawa/net/tls_context.hpp"
#include "nikawa/net/tls_server_context.hpp"

namespace nikawa::net {
namespace {

using State = IoResult::State;

const http::Origin origin{http::Scheme::https, "origin.test", 443};

PemIdentity identity_of(const std::string& name) { return make_self_signed(std::array{name}); }

std::uint32_t data_segments_sent(int fd) {
    struct {  // as the kernel knows it, which the C library does not
        tcp_info known;
        std::uint64_t pacing_rates_and_bytes[4];
        std::uint32_t segments_out_and_in[2], not_sent, min_rtt, data_segments_in,
            data_segments_out;
    } info{};
    socklen_t size = sizeof info;
    EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info.data_segments_out;
}

/// The server's end of a connection, which takes early data or does not.
class EarlyPeer final : private Pollable {
public:
    enum class Manner { accept, reject };

    EarlyPeer(EventLoop& event_loop, SSL_CTX* ctx, UniqueFd fd, Manner manner)
        : event_loop_(event_loop),
          fd_(std::move(fd)),
          ssl_(SSL_new(ctx)),
          takes_early_(manner == Manner::accept) {
        SSL_set_fd(ssl_.get(), fd_.get());
        SSL_set_accept_state(ssl_.get());
    }
    ~EarlyPeer() {
        event_loop_.poller().forget(*this);
        SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN);  // or its session could not be resumed
    }

    /// Reads whatever comes from now on.
    void listen() {
        ASSERT_EQ(event_loop_.poller().add(fd_.get(), EPOLLIN | EPOLLOUT | EPOLLET, *this), 0);
    }

    /// Sent behind the early data, before the client's Finished has come.
    void answer_early(std::string bytes) { early_answer_ = std::move(bytes); }

    void say(Bytes bytes) {
        std::size_t written = 0;
        EXPECT_EQ(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written), 1);
    }

    void hang_up() { ::shutdown(fd_.get(), SHUT_WR); }

    [[nodiscard]] bool is_ready() const { return SSL_is_init_finished(ssl_.get()) == 1; }
    [[nodiscard]] int descriptor() const { return fd_.get(); }

    std::string early;  // what came as early data
    std::string late;   // and what after the handshake
    bool failed = false;

private:
    void ready(std::uint32_t /*events*/) noexcept override {
        if (failed) return;
        failed = (takes_early_ && !read_early()) || !shake() || !read_late();
        const int reason = SSL_get_error(ssl_.get(), last_);
        if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) failed = false;
    }

    bool read_early() {
        for (std::array<char, 4096> room;;) {
            std::size_t got = 0;
            const int result = SSL_read_early_data(ssl_.get(), room.data(), room.size(), &got);
            last_ = result == SSL_READ_EARLY_DATA_ERROR ? 0 : 1;
            early.append(room.data(), got);
            if (result == SSL_READ_EARLY_DATA_ERROR) return false;
            if (got > 0 && !early_answer_.empty()) {
                const std::string answer = std::exchange(early_answer_, "");
                SSL_write_early_data(ssl_.get(), answer.data(), answer.size(), &got);
            }
            if (result == SSL_READ_EARLY_DATA_FINISH) break;
        }
        takes_early_ = false;
        return true;
    }

    bool shake() {
        last_ = SSL_do_handshake(ssl_.get());
        return last_ == 1;
    }

    bool read_late() {
        for (std::array<char, 4096> room;;) {
            std::size_t got = 0;
            last_ = SSL_read_ex(ssl_.get(), room.data(), room.size(), &got);
            if (last_ != 1) return false;
            late.append(room.data(), got);
        }
    }

    EventLoop& event_loop_;
    UniqueFd fd_;
    SslPtr ssl_;
    bool takes_early_;
    std::string early_answer_;
    int last_ = 1;
};

class EarlyDataTest : public IoTest {
protected:
    using Manner = EarlyPeer::Manner;

    static constexpr std::uint32_t limit = 16'384;

    void SetUp() override { serve(Protocol::http_2); }

    // A server of this protocol alone, with keys for tickets of its own.
    void serve(Protocol protocol) {
        server.emplace(identity, std::vector{protocol});
        SSL_CTX_set_max_early_data(server->native_handle(), limit);
    }

    void connect(Manner manner = Manner::accept) {
        auto [our_fd, their_fd] = connected_pair();
        our_raw_fd = UniqueFd{::dup(our_fd.get())};
        const int flags = fcntl(their_fd.get(), F_GETFL);
        fcntl(their_fd.get(), F_SETFL, flags | O_NONBLOCK);
        ours = client.open(event_loop, std::move(our_fd), {}, origin);
        peer.emplace(event_loop, server->native_handle(), std::move(their_fd), manner);
    }

    // A handshake without early data, after which the client has two tickets.
    void get_tickets() {
        connect(Manner::reject);
        peer->listen();
        const auto shaken = await(ours->handshake(Deadline::none()));
        ASSERT_TRUE(shaken) << describe(shaken.error());
        run_until([&] { return peer->is_ready(); });
        peer->say("tickets come before this");
        await(receive(*ours, 24));
        ours->close();
    }

    void begin(Manner manner = Manner::accept) {
        get_tickets();
        connect(manner);
        ASSERT_TRUE(ours->begin_early(Deadline::none()));
    }

    IoResult write(Bytes bytes) { return ours->try_write({&bytes, 1}); }

    PemIdentity identity = identity_of("origin.test");
    std::optional<TlsServerContext> server;
    TlsContext client{trust_in(identity), {}};
    std::unique_ptr<TlsStream> ours;
    std::optional<EarlyPeer> peer;
    UniqueFd our_raw_fd;
};

TEST_F(EarlyDataTest, ArrivesBeforeTheHandshakeIsOverAndIsAnsweredInIt) {
    begin();
    EXPECT_EQ(ours->protocol(), Protocol::http_2);
    EXPECT_FALSE(ours->is_confirmed());
    EXPECT_TRUE(ours->is_resumed());
    EXPECT_EQ(write("request").bytes, 7u);
    peer->answer_early("response");
    peer->listen();
    run_until([&] { return !peer->early.empty(); });
    EXPECT_EQ(peer->early, "request");
    EXPECT_FALSE(peer->is_ready());
    EXPECT_FALSE(ours->is_confirmed());

    EXPECT_EQ(await(receive(*ours, 8)), "response");
    EXPECT_TRUE(ours->is_confirmed());
    EXPECT_TRUE(ours->is_resumed());
    EXPECT_EQ(ours->protocol(), Protocol::http_2);
    EXPECT_EQ(write("more").bytes, 4u);
    run_until([&] { return !peer->late.empty(); });
    EXPECT_EQ(peer->early, "request");
    EXPECT_EQ(peer->late, "more");
}

TEST_F(EarlyDataTest, LeavesInOneSegmentWithTheClientHello) {
    begin();
    EXPECT_EQ(write("request").bytes, 7u);
    EXPECT_EQ(data_segments_sent(our_raw_fd.get()), 1u);
    settle();
    EXPECT_EQ(data_segments_sent(our_raw_fd.get()), 1u);
}

TEST_F(EarlyDataTest, TheClientHelloLeavesByItselfWhenNothingIsWritten) {
    begin();
    peer->listen();
    Pending<std::string> reading{loop, receive(*ours, 5)};
    run_until([&] { return ours->is_confirmed(); });
    run_until([&] { return peer->is_ready(); });
    peer->say("hello");
    run_until([&] { return reading.is_done(); });
    EXPECT_EQ(reading.take(), "hello");
    EXPECT_EQ(peer->early, "");
}

TEST_F(EarlyDataTest, MoreFollowsInLaterTurns) {
    begin();
    write("one ");
    settle();
    write("two");
    peer->listen();
    run_until([&] { return peer->early.size() == 7; });
    EXPECT_EQ(peer->early, "one two");
}

TEST_F(EarlyDataTest, IsSentAgainOnceWhenItWasRejected) {
    for (const std::size_t bytes : {7u, limit}) {
        SCOPED_TRACE(bytes);
        begin(Manner::reject);
        const auto request = pattern(bytes);
        await(send_all(*ours, request));
        peer->listen();
        Pending<std::string> reading{loop, receive(*ours, 2)};
        run_until([&] { return peer->late.size() >= request.size(); });
        EXPECT_TRUE(ours->is_confirmed());
        EXPECT_TRUE(ours->is_resumed());
        EXPECT_EQ(write("more").bytes, 4u);
        run_until([&] { return peer->late.size() >= request.size() + 4; });
        EXPECT_EQ(peer->early, "");
        EXPECT_TRUE(peer->late == request + "more");
        peer->say("ok");
        run_until([&] { return reading.is_done(); });
        EXPECT_EQ(reading.take(), "ok");
    }
}

TEST_F(EarlyDataTest, IsSentAgainAfterAHelloRetryRequest) {
    begin();
    SSL_CTX_set1_groups_list(server->native_handle(), "P-384");
    connect();
    ASSERT_TRUE(ours->begin_early(Deadline::none()));
    write("request");
    peer->listen();
    Pending<Received> reading{loop, receive_all(*ours)};
    run_until([&] { return !peer->late.empty(); });
    EXPECT_EQ(peer->early + peer->late, "request");
    ours->close();
    run_until([&] { return reading.is_done(); });
}

// The certificate is asked for and verified again.
TEST_F(EarlyDataTest, IsSentAgainWhenTheServerKnowsNothingOfTheSession) {
    get_tickets();
    serve(Protocol::http_2);
    connect();
    ASSERT_TRUE(ours->begin_early(Deadline::none()));
    write("request");
    peer->listen();
    Pending<Received> reading{loop, receive_all(*ours)};
    run_until([&] { return !peer->late.empty(); });
    EXPECT_FALSE(ours->is_resumed());
    EXPECT_EQ(peer->early + peer->late, "request");
    ours->close();
    run_until([&] { return reading.is_done(); });
}

TEST_F(EarlyDataTest, AServerThatIsSomebodyElseIsToldNothing) {
    get_tickets();
    identity = identity_of("other.test");
    serve(Protocol::http_2);
    connect();
    ASSERT_TRUE(ours->begin_early(Deadline::none()));
    write("request");
    peer->listen();
    const auto received = await(receive_all(*ours));
    EXPECT_EQ(received.end.state, State::failed);
    EXPECT_EQ(received.end.error.category().name(), std::string_view{"certificate"});
    EXPECT_FALSE(ours->is_confirmed());
    EXPECT_EQ(write("more").state, State::failed);
    our_raw_fd.reset();
    ours->close();
    run_until([&] { return peer->failed; });
    EXPECT_EQ(peer->early + peer->late, "");
}

TEST_F(EarlyDataTest, FailsWhenTheServerNowSpeaksAnotherProtocol) {
    for (const Protocol other : {Protocol::http_1_1, Protocol::http_2}) {
        begin();
        serve(other);
        connect();
        ASSERT_TRUE(ours->begin_early(Deadline::none()));
        write("request");
        peer->listen();
        const auto received = await(receive_all(*ours));
        EXPECT_EQ(received.end.error.message(), "inconsistent early data alpn");
        EXPECT_FALSE(ours->is_confirmed());
        EXPECT_EQ(peer->early + peer->late, "");
        connect();
        EXPECT_FALSE(ours->begin_early(Deadline::none()));
    }
}

TEST_F(EarlyDataTest, WritesBeyondTheLimitWaitForTheHandshake) {
    for (const Manner manner : {Manner::accept, Manner::reject}) {
        begin(manner);
        const int small = 5'000;
        setsockopt(our_raw_fd.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        const auto request = pattern(200'000);
        Pending<int> sending{loop, send_all(*ours, request)};
        Pending<Received> reading{loop, receive_all(*ours)};
        settle();
        EXPECT_FALSE(sending.is_done());
        peer->listen();
        run_until([&] { return peer->early.size() + peer->late.size() >= request.size(); });
        EXPECT_EQ(peer->early.size(), manner == Manner::accept ? limit : 0);
        EXPECT_TRUE(peer->early + peer->late == request);
        run_until([&] { return sending.is_done(); });
        ours->close();
        run_until([&] { return reading.is_done(); });
    }
}

// A reader waits, as every session's does, and nobody writes any more.
TEST_F(EarlyDataTest, WhatCouldNotLeaveAtOnceLeavesWithoutItsWriter) {
    begin();
    const int small = 1;
    setsockopt(our_raw_fd.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(peer->descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    Pending<Received> reading{loop, receive_all(*ours)};
    settle();
    const auto request = pattern(limit);
    EXPECT_EQ(write(request).bytes, limit);
    EXPECT_EQ(write("more").state, State::would_block);
    settle();
    peer->listen();
    run_until([&] { return ours->is_confirmed(); });
    run_until([&] { return peer->early.size() == limit; });
    EXPECT_TRUE(peer->early == request);
    ours->close();
    run_until([&] { return reading.is_done(); });
}

TEST_F(EarlyDataTest, ASmallLimitOfTheServerIsKept) {
    SSL_CTX_set_max_early_data(server->native_handle(), 5);
    begin();
    EXPECT_EQ(write("request").bytes, 5u);
    EXPECT_EQ(write("st").state, State::would_block);
    Pending<int> sending{loop, send_all(*ours, "st")};
    Pending<Received> reading{loop, receive_all(*ours)};
    peer->listen();
    run_until([&] { return !peer->late.empty(); });
    EXPECT_EQ(peer->early, "reque");
    EXPECT_EQ(peer->late, "st");
    ours->close();
    run_until([&] { return reading.is_done(); });
}

TEST_F(EarlyDataTest, AServerWithoutTls13FailsItAndAFullHandshakeFollows) {
    get_tickets();
    SSL_CTX_set_max_proto_version(server->native_handle(), TLS1_2_VERSION);
    connect();
    ASSERT_TRUE(ours->begin_early(Deadline::none()));
    write("request");
    peer->listen();
    EXPECT_EQ(await(receive_all(*ours)).end.state, State::failed);
    connect();
    EXPECT_FALSE(ours->begin_early(Deadline::none()));
    peer->listen();
    EXPECT_TRUE(await(ours->handshake(Deadline::none())));
}

TEST_F(EarlyDataTest, IsNotBegunWhereTheSessionDoesNotAllowIt) {
    connect();
    EXPECT_FALSE(ours->begin_early(Deadline::none())) << "no session";

    SSL_CTX_set_max_early_data(server->native_handle(), 0);
    get_tickets();
    connect();
    EXPECT_FALSE(ours->begin_early(Deadline::none())) << "tickets without early data";

    SSL_CTX_set_max_early_data(server->native_handle(), limit);
    SSL_CTX_set_max_proto_version(server->native_handle(), TLS1_2_VERSION);
    get_tickets();
    connect();
    EXPECT_FALSE(ours->begin_early(Deadline::none())) << "TLS 1.2";
}

TEST_F(EarlyDataTest, TheHandshakeIsBoundedByItsDeadline) {
    get_tickets();
    connect();
    const auto request = pattern(limit + 1);
    ASSERT_TRUE(ours->begin_early(Deadline{std::chrono::steady_clock::now() + 20ms}));
    Pending<Received> reading{loop, receive_all(*ours)};
    Pending<int> sending{loop, send_all(*ours, request)};
    run_until([&] { return reading.is_done() && sending.is_done(); });
    EXPECT_EQ(reading.take().end.error.message(), "Connection timed out");
    EXPECT_EQ(write("more").error.message(), "Connection timed out");
    EXPECT_FALSE(ours->is_confirmed());
}

TEST_F(EarlyDataTest, FailsWhenThePeerHangsUpInTheHandshake) {
    begin();
    write("request");
    Pending<Received> reading{loop, receive_all(*ours)};
    settle();
    peer->hang_up();
    run_until([&] { return reading.is_done(); });
    EXPECT_EQ(reading.take().end.state, State::failed);
    EXPECT_EQ(write("more").state, State::failed);

    begin();
    PeerCloseCount closed;
    ours->watch_peer(&closed);
    peer->hang_up();
    run_until([&] { return closed.count == 1; });
}

TEST_F(EarlyDataTest, ClosingEndsItWhereverItStands) {
    for (const bool has_written : {false, true}) {
        begin();
        if (has_written) write("request");
        Pending<Received> reading{loop, receive_all(*ours)};
        ours->close();
        run_until([&] { return reading.is_done(); });
        EXPECT_EQ(reading.take().end.state, State::failed);
        EXPECT_EQ(write("more").state, State::failed);
        EXPECT_FALSE(ours->is_confirmed());
    }
    begin();
    ours.reset();
    settle();
}

}  // namespace
}  // namespace nikawa::net
