#include "nikawa/net/tcp_tls_dialer.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "net/dialling.hpp"
#include "net/io_test.hpp"
#include "net/trusted.hpp"
#include "nikawa/net/self_signed.hpp"
#include "nikawa/net/tls_server_context.hpp"

namespace nikawa::net {
namespace {

class TcpTlsDialerTest : public IoTest {
protected:
    enum class Manner { silent, hang_up };

    void accepted(std::unique_ptr<TcpStream> stream) {
        connections.push_back(std::move(stream));
        if (manner == Manner::hang_up) connections.back()->close();
    }

    std::unique_ptr<Listener> listen(const std::string& address, std::uint16_t port = 0) {
        return std::make_unique<Listener>(
            event_loop, listen_on(address, port), [this](std::unique_ptr<TcpStream> stream) {
                accepted(std::move(stream));
            });
    }

    DialResult<Dialled> dial(http::Scheme scheme, std::uint16_t port) {
        TcpTlsDialer dialer{event_loop, resolver, tls, settings};
        return await(dialer.dial({scheme, "origin.test", port}, DialMode::plain));
    }

    // Whom a dial of a plain origin reaches.
    std::string address_reached(TcpTlsDialer& dialer, std::uint16_t port) {
        const auto dialled =
            await(dialer.dial({http::Scheme::http, "origin.test", port}, DialMode::plain));
        return dialled ? dialled->address.to_string() : describe(dialled.error());
    }

    static IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

    PemIdentity identity = make_self_signed(std::array<std::string, 1>{"origin.test"});
    TlsServerContext server{identity, {Protocol::http_2}};
    TlsContext tls{trust_in(identity), {}};
    FixedResolver resolver;
    DialSettings settings;
    Manner manner = Manner::silent;
    std::vector<std::unique_ptr<ByteStream>> connections;
    std::unique_ptr<Listener> listener = listen("127.0.0.2");
};

TEST_F(TcpTlsDialerTest, ConnectsToAPlainOrigin) {
    resolver.answer = Addresses{ip("127.0.0.2")};
    const auto dialled = dial(http::Scheme::http, listener->port());
    ASSERT_TRUE(dialled);
    EXPECT_EQ(dialled->protocol, Protocol::http_1_1);
    EXPECT_EQ(dialled->stream->peer_address(), listener->address());
    EXPECT_EQ(dialled->address, ip("127.0.0.2"));
    EXPECT_EQ(dialled->times.tls, Duration::zero());
}

TEST_F(TcpTlsDialerTest, ConnectsToATlsOriginAndSaysWhatAlpnChose) {
    TlsOrigin origin{event_loop, server, listen_on("127.0.0.1", 0)};
    resolver.answer = Addresses{ip("127.0.0.1")};
    const auto dialled = dial(http::Scheme::https, origin.port());
    ASSERT_TRUE(dialled) << describe(dialled.error());
    EXPECT_EQ(dialled->protocol, Protocol::http_2);
    EXPECT_GT(dialled->times.tls, Duration::zero());
    run_until([&] { return loop.task_count() == 0; });
}

TEST_F(TcpTlsDialerTest, CancellingEndsEveryDialWhereverItStands) {
    settings.connect_timeout = settings.tls_timeout = settings.next_address_after = 1h;
    resolver.answer = Addresses{ip("127.0.0.2")};
    const FullServer full{listen_on("127.0.0.2", 0)};
    TcpTlsDialer dialer{event_loop, resolver, tls, settings};
    const http::Origin plain{http::Scheme::http, "origin.test", full.port()};
    const http::Origin secure{http::Scheme::https, "origin.test", listener->port()};
    Pending<DialResult<Dialled>> connecting{loop, dialer.dial(plain, DialMode::plain)};
    Pending<DialResult<Dialled>> shaking_hands{loop, dialer.dial(secure, DialMode::plain)};
    run_until([&] { return !connections.empty(); });
    dialer.cancel();
    run_until([&] { return connecting.is_done() && shaking_hands.is_done(); });
    EXPECT_EQ(connecting.take().error().code, Errc::connect_failed);
    EXPECT_EQ(shaking_hands.take().error().code, Errc::tls_failed);
}

TEST_F(TcpTlsDialerTest, PassesOnWhyANameWasNotResolved) {
    const auto dialled = dial(http::Scheme::http, 80);
    EXPECT_EQ(dialled.error(), (Failure{Errc::resolve_failed, Side::origin}));
    EXPECT_EQ(dialled.error().peer, std::nullopt);
}

TEST_F(TcpTlsDialerTest, GoesToTheNextAddressAtOnceWhenOneRefuses) {
    settings.next_address_after = 1h;
    resolver.answer = Addresses{ip("127.0.0.1"), ip("127.0.0.3"), ip("127.0.0.2")};
    const auto dialled = dial(http::Scheme::http, listener->port());
    ASSERT_TRUE(dialled);
    EXPECT_EQ(dialled->stream->peer_address(), listener->address());
}

TEST_F(TcpTlsDialerTest, DoesNotWaitLongForAnAddressThatDoesNotAnswer) {
    const FullServer full{listen_on("127.0.0.1", listener->port())};
    settings.next_address_after = 10ms;
    settings.connect_timeout = 1h;
    resolver.answer = Addresses{ip("127.0.0.1"), ip("127.0.0.2")};
    const auto dialled = dial(http::Scheme::http, listener->port());
    ASSERT_TRUE(dialled);
    EXPECT_EQ(dialled->stream->peer_address(), listener->address());
    EXPECT_GE(dialled->times.connect, 10ms);
}

TEST_F(TcpTlsDialerTest, SaysWhyNoAddressCouldBeReached) {
    const auto port = listener->port();
    listener->close();
    resolver.answer = Addresses{ip("127.0.0.2"), ip("127.0.0.1")};
    const auto dialled = dial(http::Scheme::http, port);
    ASSERT_FALSE(dialled);
    EXPECT_EQ(dialled.error().code, Errc::connect_failed);
    EXPECT_EQ(dialled.error().cause.message(), "Connection refused");
    EXPECT_EQ(dialled.error().peer, (Endpoint{ip("127.0.0.1"), port}));  // the last one
}

TEST_F(TcpTlsDialerTest, TimesOutWhenNoAddressAnswers) {
    const FullServer full{listen_on("127.0.0.1", listener->port())};
    settings.connect_timeout = 30ms;
    resolver.answer = Addresses{ip("127.0.0.1")};
    const auto dialled = dial(http::Scheme::http, listener->port());
    EXPECT_EQ(dialled.error(), (Failure{Errc::connect_timed_out, Side::origin}));
    EXPECT_EQ(dialled.error().peer, (Endpoint{ip("127.0.0.1"), listener->port()}));
}

TEST_F(TcpTlsDialerTest, TimesOutWhenTheHandshakeStalls) {
    settings.tls_timeout = 30ms;
    resolver.answer = Addresses{ip("127.0.0.2")};
    const auto dialled = dial(http::Scheme::https, listener->port());
    EXPECT_EQ(dialled.error(), (Failure{Errc::tls_timed_out, Side::origin}));
    EXPECT_EQ(dialled.error().peer, (Endpoint{ip("127.0.0.2"), listener->port()}));
}

TEST_F(TcpTlsDialerTest, PassesOverAnAddressThatHangsUpInTheHandshake) {
    manner = Manner::hang_up;
    TlsOrigin origin{event_loop, server, listen_on("127.0.0.1", listener->port())};
    resolver.answer = Addresses{ip("127.0.0.2"), ip("127.0.0.1")};
    const auto dialled = dial(http::Scheme::https, listener->port());
    ASSERT_TRUE(dialled) << describe(dialled.error());
    EXPECT_EQ(dialled->stream->peer_address(), "127.0.0.1:" + std::to_string(listener->port()));
    run_until([&] { return loop.task_count() == 0; });
}

TEST_F(TcpTlsDialerTest, ARejectedCertificateIsFinal) {
    const auto other = make_self_signed(std::array<std::string, 1>{"other.test"});
    TlsServerContext impostor{other, {Protocol::http_2}};
    TlsOrigin origin{event_loop, impostor, listen_on("127.0.0.1", listener->port())};
    resolver.answer = Addresses{ip("127.0.0.1"), ip("127.0.0.2")};
    const auto dialled = dial(http::Scheme::https, listener->port());
    ASSERT_FALSE(dialled);
    EXPECT_EQ(dialled.error().code, Errc::tls_certificate_rejected);
    EXPECT_EQ(dialled.error().peer, (Endpoint{ip("127.0.0.1"), listener->port()}));
    EXPECT_TRUE(connections.empty());
    run_until([&] { return loop.task_count() == 0; });
}

TEST_F(TcpTlsDialerTest, SpreadsDialsOverTheAddresses) {
    const auto other = listen("127.0.0.3", listener->port());
    resolver.answer = Addresses{ip("127.0.0.2"), ip("127.0.0.3")};
    TcpTlsDialer dialer{event_loop, resolver, tls, settings};
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.3");
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");
}

TEST_F(TcpTlsDialerTest, AvoidsAnAddressThatDidNotAnswerWhenAnotherDid) {
    auto full = std::make_unique<FullServer>(listen_on("127.0.0.1", listener->port()));
    const auto third = listen("127.0.0.3", listener->port());
    settings.next_address_after = 10ms;
    resolver.answer = Addresses{ip("127.0.0.1"), ip("127.0.0.2"), ip("127.0.0.3")};
    TcpTlsDialer dialer{event_loop, resolver, tls, settings};
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");

    full.reset();
    const auto first = listen("127.0.0.1", listener->port());
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.3");
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");
}

TEST_F(TcpTlsDialerTest, AvoidsWhatItIsToldToUntilItHasWorked) {
    const auto other = listen("127.0.0.3", listener->port());
    resolver.answer = Addresses{ip("127.0.0.2"), ip("127.0.0.3")};
    TcpTlsDialer dialer{event_loop, resolver, tls, settings};
    const http::Origin origin{http::Scheme::http, "origin.test", listener->port()};
    dialer.avoid(origin, ip("127.0.0.2"));
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.3");
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.3");

    other->close();
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");
    dialer.avoid(origin, ip("127.0.0.3"));
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");
}

TEST_F(TcpTlsDialerTest, AvoidsAnAddressThatHungUpInTheHandshake) {
    manner = Manner::hang_up;
    TlsOrigin origin{event_loop, server, listen_on("127.0.0.1", listener->port())};
    resolver.answer = Addresses{ip("127.0.0.2"), ip("127.0.0.1")};
    TcpTlsDialer dialer{event_loop, resolver, tls, settings};
    for (int i = 0; i < 2; ++i) {
        const auto dialled = await(
            dialer.dial({http::Scheme::https, "origin.test", listener->port()}, DialMode::plain));
        ASSERT_TRUE(dialled) << describe(dialled.error());
        EXPECT_EQ(dialled->address, ip("127.0.0.1"));
        run_until([&] { return loop.task_count() == 0; });
    }
    EXPECT_EQ(connections.size(), 1U);
}

// Forbids some addresses to origin.test.
struct ForbiddenAddresses final : AddressRules {
    explicit ForbiddenAddresses(Addresses all) : addresses(std::move(all)) {}

    [[nodiscard]] std::optional<Failure> refuse(const http::Origin& origin,
                                                const IpAddress& address) const override {
        const bool is_listed =
            std::find(addresses.begin(), addresses.end(), address) != addresses.end();
        if (origin.host != "origin.test" || !is_listed) return std::nullopt;
        return Failure{Errc::address_denied, Side::client};
    }

    Addresses addresses;
};

TEST_F(TcpTlsDialerTest, PassesOverAddressesThatMayNotBeReached) {
    const auto forbidden = listen("127.0.0.1", listener->port());
    const ForbiddenAddresses rules{{ip("127.0.0.1"), ip("169.254.169.254")}};
    settings.rules = &rules;
    resolver.answer = Addresses{ip("127.0.0.1"), ip("169.254.169.254"), ip("127.0.0.2")};
    TcpTlsDialer dialer{event_loop, resolver, tls, settings};
    for (int i = 0; i < 3; ++i) EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");
    EXPECT_EQ(connections.size(), 3U);
}

TEST_F(TcpTlsDialerTest, JudgesEveryAnswerOfDnsAnew) {
    const auto forbidden = listen("127.0.0.1", listener->port());
    const ForbiddenAddresses rules{{ip("127.0.0.1"), ip("169.254.169.254")}};
    settings.rules = &rules;
    TcpTlsDialer dialer{event_loop, resolver, tls, settings};
    const http::Origin origin{http::Scheme::http, "origin.test", listener->port()};
    resolver.answer = Addresses{ip("127.0.0.2")};
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");

    for (const std::string_view rebound : {"127.0.0.1", "169.254.169.254"}) {
        resolver.answer = Addresses{ip(rebound)};
        for (int i = 0; i < 2; ++i) {
            const auto refused = await(dialer.dial(origin, DialMode::plain));
            EXPECT_EQ(refused.error(), (Failure{Errc::address_denied, Side::client})) << rebound;
        }
    }
    EXPECT_EQ(connections.size(), 1U);

    resolver.answer = Addresses{ip("127.0.0.2")};
    EXPECT_EQ(address_reached(dialer, listener->port()), "127.0.0.2");
}

TEST_F(TcpTlsDialerTest, LeavesNamesToTheResolver) {
    TcpTlsDialer dialer{event_loop, resolver, tls, settings};
    const http::Origin origin{http::Scheme::http, "origin.test", 80};
    resolver.refresh_at = Deadline{loop.now() + 5s};
    EXPECT_EQ(dialer.keep_resolved(origin), resolver.refresh_at);
    resolver.left = ip("127.0.0.9");
    EXPECT_TRUE(dialer.has_left(origin, ip("127.0.0.9")));
    EXPECT_FALSE(dialer.has_left(origin, ip("127.0.0.2")));
}

}  // namespace
}  // namespace nikawa::net
