#include <fcntl.h>
#include <net/if.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <array>
#include <fstream>
#include <optional>

#include "net/dialling.hpp"
#include "net/io_test.hpp"
#include "net/trusted.hpp"
#include "nikawa/net/self_signed.hpp"
#include "nikawa/net/tcp_tls_dialer.hpp"

namespace nikawa::net {
namespace {

/// A network of this thread's own as long as it lives, where servers may do TCP Fast Open.
class FastOpenNetwork {
public:
    FastOpenNetwork() : outer_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
        is_inside_ = static_cast<bool>(outer_) && ::unshare(CLONE_NEWNET) == 0;
        is_usable_ = is_inside_ && raise_loopback() && allow();
    }
    ~FastOpenNetwork() {
        if (!is_inside_) return;
        EXPECT_EQ(::setns(outer_.get(), CLONE_NEWNET), 0);
    }

    [[nodiscard]] bool is_usable() const { return is_usable_; }

private:
    static bool raise_loopback() {
        const UniqueFd any{::socket(AF_INET, SOCK_DGRAM, 0)};
        ifreq request{};
        request.ifr_name[0] = 'l';
        request.ifr_name[1] = 'o';
        request.ifr_flags = IFF_UP;
        return ::ioctl(any.get(), SIOCSIFFLAGS, &request) == 0;
    }

    static bool allow() {
        std::ofstream setting{"/proc/sys/net/ipv4/tcp_fastopen"};
        setting << 3 << std::flush;  // both sides
        return setting.good();
    }

    UniqueFd outer_;
    bool is_inside_ = false;
    bool is_usable_ = false;
};

class ColdDialTest : public IoTest {
protected:
    void TearDown() override {
        run_until([&] { return loop.task_count() == 0; });
    }

    // An origin that takes early data of its sessions, and bytes with a SYN.
    TlsOrigin& serve(const std::string& address, std::uint16_t port = 0) {
        SSL_CTX_set_max_early_data(server.native_handle(), 16'384);
        UniqueFd listening = listen_on(address, port);
        const int waiting = 16;
        setsockopt(listening.get(), IPPROTO_TCP, TCP_FASTOPEN, &waiting, sizeof waiting);
        origins.push_back(std::make_unique<TlsOrigin>(event_loop, server, std::move(listening)));
        return *origins.back();
    }

    Dialled dial(std::uint16_t port, DialMode mode = DialMode::plain) {
        TcpTlsDialer dialer{event_loop, resolver, tls, settings};
        auto dialled = await(dialer.dial({http::Scheme::https, "origin.test", port}, mode));
        if (dialled) return std::move(*dialled);
        ADD_FAILURE() << describe(dialled.error());
        return {};
    }

    // One after which there are tickets, and a cookie of the address.
    void dial_first(TlsOrigin& origin) {
        const auto first = dial(origin.port());
        EXPECT_FALSE(first.resumed);
        ASSERT_TRUE(first.stream->is_confirmed());
        run_until([&] { return origin.is_idle(); });
        await(send_all(origin.stream(0), "tickets come before this"));
        await(receive(*first.stream, 24));
    }

    // A request arrives, and its answer comes back.
    void talk(Dialled& dialled, TlsOrigin& origin) {
        await(send_all(*dialled.stream, "request"));
        Pending<std::string> answer{loop, receive(*dialled.stream, 8)};
        run_until([&] { return origin.connections() == 2; });
        TlsStream& theirs = origin.stream(1);
        run_until([&] { return origin.is_idle(); });
        EXPECT_EQ(await(receive(theirs, 7)), "request");
        await(send_all(theirs, "response"));
        run_until([&] { return answer.is_done(); });
        EXPECT_EQ(answer.take(), "response");
        EXPECT_TRUE(dialled.stream->is_confirmed());
    }

    static IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

    PemIdentity identity = make_self_signed(std::array<std::string, 1>{"origin.test"});
    TlsServerContext server{identity, {Protocol::http_2}};
    TlsContext tls{trust_in(identity), {}};
    FixedResolver resolver;
    DialSettings settings;
    std::vector<std::unique_ptr<TlsOrigin>> origins;
};

TEST_F(ColdDialTest, AnEarlyDialIsOverBeforeItsHandshake) {
    TlsOrigin& origin = serve("127.0.0.1");
    resolver.answer = Addresses{ip("127.0.0.1")};
    dial_first(origin);
    auto second = dial(origin.port(), DialMode::early);
    EXPECT_FALSE(second.stream->is_confirmed());
    EXPECT_TRUE(second.resumed);
    EXPECT_EQ(second.protocol, Protocol::http_2);
    EXPECT_EQ(second.address, ip("127.0.0.1"));
    talk(second, origin);
}

TEST_F(ColdDialTest, AnEarlyDialWithoutATicketIsLikeAnyOther) {
    TlsOrigin& origin = serve("127.0.0.1");
    resolver.answer = Addresses{ip("127.0.0.1")};
    const auto first = dial(origin.port(), DialMode::early);
    EXPECT_TRUE(first.stream->is_confirmed());
    EXPECT_FALSE(first.resumed);
}

TEST_F(ColdDialTest, AskingForFastOpenHarmsNobodyWhoDoesNotDoIt) {
    settings.fast_open = true;
    TlsOrigin& origin = serve("127.0.0.1");
    resolver.answer = Addresses{ip("127.0.0.1")};
    dial_first(origin);
    auto second = dial(origin.port());
    talk(second, origin);
}

/// With a network that does TCP Fast Open, where this machine lets us make one.
class FastOpenTest : public ColdDialTest {
protected:
    void SetUp() override {
        if (!network.is_usable()) GTEST_SKIP() << "no network of our own";
        settings.fast_open = true;
        resolver.answer = Addresses{ip("127.0.0.1")};
    }

    FastOpenNetwork network;
};

TEST_F(FastOpenTest, TheClientHelloLeavesWithTheSyn) {
    TlsOrigin& origin = serve("127.0.0.1");
    dial_first(origin);
    EXPECT_EQ(origin.opened_fast(), 0);
    auto second = dial(origin.port());
    EXPECT_EQ(origin.opened_fast(), 1);
    EXPECT_TRUE(second.stream->is_confirmed());
    EXPECT_EQ(second.times.connect, Duration::zero());  // it was part of the handshake
    EXPECT_GT(second.times.tls, Duration::zero());
    EXPECT_TRUE(second.resumed);
    talk(second, origin);
}

TEST_F(FastOpenTest, EarlyDataLeaveWithItToo) {
    TlsOrigin& origin = serve("127.0.0.1");
    dial_first(origin);
    auto second = dial(origin.port(), DialMode::early);
    EXPECT_FALSE(second.stream->is_confirmed());
    talk(second, origin);
    EXPECT_EQ(origin.opened_fast(), 1);
}

TEST_F(FastOpenTest, WhatDoesNotFitTheSynFollowsIt) {
    TlsOrigin& origin = serve("127.0.0.1");
    dial_first(origin);
    auto second = dial(origin.port(), DialMode::early);
    const auto request = pattern(100'000);
    Pending<int> sending{loop, send_all(*second.stream, request)};
    Pending<Received> reading{loop, receive_all(*second.stream)};
    run_until([&] { return second.stream->is_confirmed() && origin.is_idle(); });
    EXPECT_TRUE(await(receive(origin.stream(1), request.size())) == request);
    EXPECT_EQ(origin.opened_fast(), 1);
    second.stream->close();
    run_until([&] { return reading.is_done() && sending.is_done(); });
}

TEST_F(FastOpenTest, GoesToTheNextAddressWhenTheFirstRefusesTheSynWithBytes) {
    const auto port = serve("127.0.0.1").port();
    dial_first(*origins[0]);
    origins[0]->stop_listening();
    serve("127.0.0.2", port);
    resolver.answer = Addresses{ip("127.0.0.1"), ip("127.0.0.2")};
    EXPECT_EQ(dial(port).address, ip("127.0.0.2"));
}

TEST_F(FastOpenTest, GoesToTheNextAddressWhenTheFirstIsSilent) {
    const auto port = serve("127.0.0.1").port();
    dial_first(*origins[0]);
    origins[0]->stop_listening();
    const FullServer full{listen_on("127.0.0.1", port)};
    serve("127.0.0.2", port);
    settings.tls_timeout = 100ms;
    settings.next_address_after = 1h;
    resolver.answer = Addresses{ip("127.0.0.1"), ip("127.0.0.2")};
    EXPECT_EQ(dial(port).address, ip("127.0.0.2"));
}

}  // namespace
}  // namespace nikawa::net
