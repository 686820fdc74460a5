#include "demo/distance_relay.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "demo/blocking_peer.hpp"

namespace nikawa::demo {
namespace {

using namespace std::chrono_literals;

// What the relay promises is a least time, and that is what these tests measure: a machine that is
// slow makes them slower, not wrong.
TimePoint now() { return std::chrono::steady_clock::now(); }

class DistanceRelayTest : public testing::Test {
protected:
    static constexpr Duration rtt = 20ms;

    net::UniqueFd listener = listen_on_loopback();
    DistanceRelay relay{port_of(listener), rtt};
    BlockingPeer client = BlockingPeer::connected_to(relay.port());
    BlockingPeer origin = BlockingPeer::accepted_by(listener);
};

TEST_F(DistanceRelayTest, HoldsTheFirstFlightForAHandshakeMoreThanTheOthers) {
    auto sent = now();
    client.send("first");
    EXPECT_EQ(origin.receive(5), "first");
    EXPECT_GE(now() - sent, rtt * 3 / 2);

    for (int i = 0; i < 3; ++i) {
        sent = now();
        origin.send("answer");
        EXPECT_EQ(client.receive(6), "answer");
        EXPECT_GE(now() - sent, rtt / 2);

        sent = now();
        client.send("next");
        EXPECT_EQ(origin.receive(4), "next");
        EXPECT_GE(now() - sent, rtt / 2);
    }
}

TEST_F(DistanceRelayTest, CarriesManyFlightsInOrder) {
    std::string all;
    for (int i = 0; i < 200; ++i) {
        const std::string flight = std::to_string(i) + " ";
        client.send(flight);
        all += flight;
    }
    EXPECT_EQ(origin.receive(all.size()), all);
}

TEST_F(DistanceRelayTest, CarriesTenMegabytesBothWaysIntact) {
    std::string bytes(10'000'000, '\0');
    std::uint32_t next = 1;
    for (char& byte : bytes) {
        next = next * 1664525 + 1013904223;
        byte = static_cast<char>(next >> 24);
    }
    std::thread from_client{[&] { client.send(bytes); }};
    std::thread from_origin{[&] { origin.send(bytes); }};
    std::string at_origin;
    std::thread to_origin{[&] { at_origin = origin.receive(bytes.size()); }};
    const std::string at_client = client.receive(bytes.size());
    for (auto* thread : {&from_client, &from_origin, &to_origin}) thread->join();
    EXPECT_TRUE(at_client == bytes);
    EXPECT_TRUE(at_origin == bytes);
}

TEST_F(DistanceRelayTest, CarriesAHalfClose) {
    client.send("request");
    client.end();
    EXPECT_EQ(origin.receive(100), "request");
    EXPECT_EQ(origin.error(), 0);

    origin.send("answer");
    origin.end();
    EXPECT_EQ(client.receive(100), "answer");
    EXPECT_EQ(client.error(), 0);
}

TEST_F(DistanceRelayTest, CarriesAResetInEitherDirection) {
    client.send("x");
    origin.receive(1);
    const auto sent = now();
    client.reset();
    EXPECT_EQ(origin.receive(1), "");
    EXPECT_EQ(origin.error(), ECONNRESET);
    EXPECT_GE(now() - sent, rtt / 2);

    auto second = BlockingPeer::connected_to(relay.port());
    auto second_at_origin = BlockingPeer::accepted_by(listener);
    second_at_origin.reset();
    EXPECT_EQ(second.receive(1), "");
    EXPECT_EQ(second.error(), ECONNRESET);
}

TEST(DistanceRelay, ResetsAClientWhenNobodyListens) {
    std::uint16_t port = 0;
    {
        const auto gone = listen_on_loopback();
        port = port_of(gone);
    }
    const DistanceRelay relay{port, 0ms};
    auto client = BlockingPeer::connected_to(relay.port());
    EXPECT_EQ(client.receive(1), "");
    EXPECT_EQ(client.error(), ECONNRESET);
}

}  // namespace
}  // namespace nikawa::demo
