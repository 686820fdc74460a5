#include "nikawa/net/listener.hpp"

#include <sys/resource.h>

#include "net/io_test.hpp"

namespace nikawa::net {
namespace {

class ListenerTest : public IoTest {
protected:
    UniqueFd connect() {
        UniqueFd fd{::socket(AF_INET, SOCK_STREAM, 0)};
        SocketAddress address{Endpoint{*IpAddress::parse("127.0.0.1"), listener.port()}};
        EXPECT_EQ(::connect(fd.get(), address.get(), address.size), 0);
        return fd;
    }

    std::vector<std::unique_ptr<TcpStream>> accepted;
    Listener listener{event_loop, listen_on("127.0.0.1", 0), [this](std::unique_ptr<TcpStream> s) {
                          accepted.push_back(std::move(s));
                      }};
};

TEST_F(ListenerTest, AcceptsAllThatWait) {
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(connect());
    run_until([&] { return accepted.size() == 100; });
    ASSERT_EQ(::send(clients[99].get(), "x", 1, 0), 1);
    EXPECT_EQ(await(receive(*accepted[99], 1)), "x");
    EXPECT_EQ(accepted[0]->peer_address(), [&] {
        SocketAddress local;
        getsockname(clients[0].get(), local.get(), &local.size);
        return local.endpoint()->to_string();
    }());
}

TEST_F(ListenerTest, PausesWhenDescriptorsRunOutAndGoesOn) {
    const auto served = connect();
    run_until([&] { return accepted.size() == 1; });
    settle();

    const auto client = connect();
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(client.get()) + 1;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    settle();
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(accepted.size(), 1u);
    EXPECT_FALSE(loop.deadlines().next().is_none());
    run_until([&] { return accepted.size() == 2; });
}

// No descriptor is left while it lives, but for `spare` of them.
class Shortage {
public:
    explicit Shortage(int spare = 0) {
        getrlimit(RLIMIT_NOFILE, &before_);
        const UniqueFd next{::dup(0)};
        rlimit none = before_;
        none.rlim_cur = static_cast<rlim_t>(next.get() + spare);
        setrlimit(RLIMIT_NOFILE, &none);
    }
    ~Shortage() { setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

class ListenerShortageTest : public ListenerTest {
protected:
    Listener with_reserve{
        event_loop,
        listen_on("127.0.0.1", 0),
        [this](std::unique_ptr<TcpStream> s) { accepted.push_back(std::move(s)); },
        {.make_room = [this] { return has_room() && (accepted.pop_back(), true); },
         .refuse = [this](std::unique_ptr<TcpStream>) { ++refused; }}};

    [[nodiscard]] bool has_room() const { return may_make_room && !accepted.empty(); }

    UniqueFd client() {
        UniqueFd fd{::socket(AF_INET, SOCK_STREAM, 0)};
        SocketAddress address{Endpoint{*IpAddress::parse("127.0.0.1"), with_reserve.port()}};
        EXPECT_EQ(::connect(fd.get(), address.get(), address.size), 0);
        return fd;
    }

    bool may_make_room = false;
    int refused = 0;
};

TEST_F(ListenerShortageTest, RefusesAllThatWaitWithTheDescriptorInReserve) {
    const auto served = client();
    run_until([&] { return accepted.size() == 1; });
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(client());
    {
        const Shortage shortage;
        run_until([&] { return refused == 10; });
    }
    EXPECT_EQ(accepted.size(), 1U);
    const auto after = client();
    run_until([&] { return accepted.size() == 2; });
}

TEST_F(ListenerShortageTest, AcceptsInPlaceOfWhatCanBeClosed) {
    may_make_room = true;
    const auto first = client();
    run_until([&] { return accepted.size() == 1; });
    const auto before = accepted.front()->peer_address();
    const auto second = client();
    const Shortage shortage;
    run_until([&] { return accepted.size() == 1 && accepted.front()->peer_address() != before; });
    EXPECT_EQ(refused, 0);
}

TEST_F(ListenerTest, RefusesAfterClose) {
    const auto port = listener.port();
    listener.close();
    UniqueFd fd{::socket(AF_INET, SOCK_STREAM, 0)};
    SocketAddress address{Endpoint{*IpAddress::parse("127.0.0.1"), port}};
    EXPECT_NE(::connect(fd.get(), address.get(), address.size), 0);
    settle();
}

TEST_F(ListenerTest, SaysWhyItCannotListen) {
    const auto port = listener.port();
    try {
        static_cast<void>(listen_on("127.0.0.1", port));
        FAIL() << "listened twice";
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(
            error.what(),
            "cannot listen on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
    }
    EXPECT_THROW(static_cast<void>(listen_on("localhost", 0)), std::runtime_error);
}

TEST_F(ListenerTest, TakesOnlyASocketThatListens) {
    EXPECT_THROW((Listener{event_loop, UniqueFd{::socket(AF_INET, SOCK_STREAM, 0)}, {}}),
                 std::runtime_error);
}

TEST_F(ListenerTest, ListensOnIpv6) {
    const UniqueFd probe{::socket(AF_INET6, SOCK_STREAM, 0)};
    SocketAddress loopback{Endpoint{*IpAddress::parse("::1"), 0}};
    if (!probe || ::bind(probe.get(), loopback.get(), loopback.size) != 0) {
        GTEST_SKIP() << "no IPv6 here";
    }
    const Listener v6{event_loop, listen_on("::1", 0), [](std::unique_ptr<TcpStream>) {}};
    EXPECT_EQ(v6.address(), "[::1]:" + std::to_string(v6.port()));
}

}  // namespace
}  // namespace nikawa::net
