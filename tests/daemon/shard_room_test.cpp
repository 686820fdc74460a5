#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "daemon/shard.hpp"
#include "nikawa/net/listener.hpp"

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;

// What the shards of a daemon share.
class ShardRoomTest : public testing::Test {
protected:
    // A connection: our end of it, and the one that a shard is to serve.
    struct Client {
        net::UniqueFd here;
        net::UniqueFd there;
    };

    static Client connect() {
        const auto listening = net::listen_on("127.0.0.1", 0);
        sockaddr_in address{};
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        getsockname(listening.get(), any, &size);
        net::UniqueFd here{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        EXPECT_EQ(::connect(here.get(), any, size), 0);
        return {std::move(here),
                net::UniqueFd{
                    ::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)}};
    }

    static bool is_readable_within(const net::UniqueFd& fd, std::chrono::milliseconds time) {
        pollfd waiting{fd.get(), POLLIN, 0};
        return ::poll(&waiting, 1, static_cast<int>(time.count())) == 1;
    }

    net::TrustStore trust = net::TrustStore::system();
    access::ClientRules clients{{"loopback"}};
    admin::StatsBoard stats{2};
    ConnectionLimits limits{10, 0};
    Overload overload{limits, 100};
    ShardSettings settings = shard_settings(Options{}, {});
};

TEST_F(ShardRoomTest, AShardThatHasNothingToCloseAsksTheOthers) {
    std::unique_ptr<Shard> asked;
    const ShardCommons commons{.trust = trust,
                               .clients = clients,
                               .stats = stats,
                               .state = nullptr,
                               .limits = limits,
                               .overload = overload,
                               .ask_others_for_room = [&asked](std::size_t asking) {
                                   EXPECT_EQ(asking, 0U);
                                   asked->make_room_soon();
                               }};
    Shard asking{settings, commons, 0};
    asked = std::make_unique<Shard>(settings, commons, 1);
    auto client = connect();
    asked->adopt(std::move(client.there));
    std::thread thread{[&asked] { asked->run(); }};

    // An idle connection is left alone for a moment, so one question may not be enough.
    bool is_closed = false;
    const auto give_up_at = std::chrono::steady_clock::now() + 10s;
    while (!is_closed && std::chrono::steady_clock::now() < give_up_at) {
        EXPECT_FALSE(asking.make_room());
        is_closed = is_readable_within(client.here, 10ms);
    }
    EXPECT_TRUE(is_closed);
    char byte = 0;
    EXPECT_EQ(::recv(client.here.get(), &byte, 1, MSG_DONTWAIT), 0);

    asked->close();
    thread.join();
    asking.close();
    asking.run();
}

}  // namespace
}  // namespace nikawa::daemon
