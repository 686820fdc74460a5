#include "nikawa/daemon/listen_sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "nikawa/daemon/sd_notify.hpp"

namespace nikawa::daemon {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A listening socket as a parent hands it over: its descriptor stays open on exec and blocks.
struct Inherited {
    int fd;
    std::uint16_t port;
};

template <class Address>
Inherited listening(const Address& any, int family) {
    const int fd = socket(family, SOCK_STREAM, 0);
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
    EXPECT_EQ(listen(fd, 1), 0);
    Address bound{};
    socklen_t size = sizeof(bound);
    getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
    if constexpr (std::is_same_v<Address, sockaddr_in6>) return {fd, ntohs(bound.sin6_port)};
    if constexpr (std::is_same_v<Address, sockaddr_in>) return {fd, ntohs(bound.sin_port)};
    return {fd, 0};
}

Inherited listening_v4() {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return listening(any, AF_INET);
}

Inherited listening_v6() {
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_addr = in6addr_loopback;
    return listening(any, AF_INET6);
}

std::string entry(const Inherited& socket) {
    return "127.0.0.1:" + std::to_string(socket.port) + "=" + std::to_string(socket.fd);
}

class ListenSocketsTest : public testing::Test {
protected:
    ~ListenSocketsTest() override {
        for (const char* name : {"SERVER_STARTER_PORT", "LISTEN_PID", "LISTEN_FDS"}) unsetenv(name);
    }

    static std::string refusal(int first_fd = first_systemd_fd) {
        try {
            inherited_sockets(first_fd);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "";
    }
};

TEST_F(ListenSocketsTest, AreNoneWhenNobodyHandsThemOver) {
    EXPECT_THAT(inherited_sockets(), IsEmpty());
}

TEST_F(ListenSocketsTest, ComeFromServerStarter) {
    const auto first = listening_v4();
    const auto second = listening_v6();
    const auto variable =
        entry(first) + ";[::1]:" + std::to_string(second.port) + "=" + std::to_string(second.fd);
    setenv("SERVER_STARTER_PORT", variable.c_str(), 1);

    const auto sockets = inherited_sockets();
    EXPECT_THAT(ports_of(sockets), ElementsAre(first.port, second.port));
    const auto ip = [](std::string_view text) { return net::IpAddress::parse(text).value(); };
    EXPECT_THAT(endpoints_of(sockets),
                ElementsAre(net::Endpoint{ip("127.0.0.1"), first.port},
                            net::Endpoint{ip("::1"), second.port}));
    for (const auto& socket : sockets) {
        EXPECT_NE(fcntl(socket.get(), F_GETFD) & FD_CLOEXEC, 0);
        EXPECT_NE(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
    }
    EXPECT_EQ(std::getenv("SERVER_STARTER_PORT"), nullptr);
}

TEST_F(ListenSocketsTest, ComeFromSystemd) {
    // Two descriptors in a row, as systemd gives them, far from those in use.
    constexpr int first_fd = 700;
    const auto first = listening_v4();
    const auto second = listening_v4();
    ASSERT_EQ(dup2(first.fd, first_fd), first_fd);
    ASSERT_EQ(dup2(second.fd, first_fd + 1), first_fd + 1);
    close(first.fd);
    close(second.fd);
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", "2", 1);

    EXPECT_THAT(ports_of(inherited_sockets(first_fd)), ElementsAre(first.port, second.port));
    EXPECT_EQ(std::getenv("LISTEN_PID"), nullptr);
    EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
}

TEST_F(ListenSocketsTest, OfAnotherProcessAreNotOurs) {
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "2", 1);
    EXPECT_THAT(inherited_sockets(), IsEmpty());
}

TEST_F(ListenSocketsTest, AreRefusedWhenWeCannotAcceptOnThem) {
    const net::UniqueFd unix_fd{socket(AF_UNIX, SOCK_STREAM, 0)};
    const net::UniqueFd datagram{socket(AF_INET, SOCK_DGRAM, 0)};
    const net::UniqueFd idle{socket(AF_INET, SOCK_STREAM, 0)};
    const net::UniqueFd file{open("/dev/null", O_RDONLY)};
    const struct {
        std::string variable;
        std::string text;
    } rows[] = {
        {"/tmp/nikawa.sock=" + std::to_string(unix_fd.get()),
         "is a unix socket, and nikawa listens on TCP only"},
        {"3000=" + std::to_string(datagram.get()), "is not a TCP socket"},
        {"3000=" + std::to_string(idle.get()), "does not listen"},
        {"3000=" + std::to_string(file.get()), "is not a socket: Socket operation on non-socket"},
        {"3000=9999", "is not a socket: Bad file descriptor"},
        {"3000", "is not of the form host:port=descriptor"},
        {"3000=x", "is not of the form host:port=descriptor"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.variable);
        setenv("SERVER_STARTER_PORT", row.variable.c_str(), 1);
        EXPECT_EQ(refusal(), "SERVER_STARTER_PORT: " + row.variable + " " + row.text);
    }
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", "1", 1);
    EXPECT_EQ(refusal(idle.get()),
              "LISTEN_FDS=1: descriptor " + std::to_string(idle.get()) + " does not listen");
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", "some", 1);
    EXPECT_EQ(refusal(), "LISTEN_FDS=some is not a number of descriptors");
}

TEST(NotifyServiceManager, SendsTheStateToAnAbstractSocket) {
    const net::UniqueFd receiver{socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto name = "nikawa-test-" + std::to_string(getpid());
    name.copy(&address.sun_path[1], name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ASSERT_EQ(bind(receiver.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);

    notify_service_manager("READY=1");  // nobody asked
    setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
    notify_service_manager("STOPPING=1");
    unsetenv("NOTIFY_SOCKET");

    std::array<char, 64> text{};
    const auto count = recv(receiver.get(), text.data(), text.size(), 0);
    ASSERT_GT(count, 0);
    EXPECT_EQ(std::string_view(text.data(), static_cast<std::size_t>(count)), "STOPPING=1");
}

}  // namespace
}  // namespace nikawa::daemon
