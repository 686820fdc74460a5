#include <string>

#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::HasSubstr;

class ForwarderMemoryTest : public ForwarderFixture {};

TEST_F(ForwarderMemoryTest, BeginsNoExchangeWhileMemoryIsFull) {
    memory.take(64 * 1024 * 1024);
    auto& refused = connect();
    refused.send(request("GET /a")).expect_head("HTTP/1.1 503 ");
    EXPECT_TRUE(refused.finished());
    EXPECT_THAT(std::string{refused.last_head()}, HasSubstr("Retry-After: 1\r\n"));
    EXPECT_EQ(memory.refusals(), 1U);
    EXPECT_TRUE(dialer.dialled().empty());
    memory.give_back(64 * 1024 * 1024);

    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /b ").send(response("200 OK", "one"));
    auto& client = connect();
    client.send(request("GET /b")).expect_head("HTTP/1.1 200 OK\r\n");
    EXPECT_TRUE(client.finished());
    EXPECT_EQ(memory.refusals(), 1U);
}

TEST_F(ForwarderMemoryTest, WhatRunsGoesOnWhileMemoryIsFull) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /a"));
    loop.run();
    memory.take(64 * 1024 * 1024);
    const std::string body(3'000'000, 'x');
    origin.reply(1, "200", body);
    client.expect_head("HTTP/1.1 200 OK\r\n");
    EXPECT_EQ(client.received(), body);
    memory.give_back(64 * 1024 * 1024);
}

TEST_F(ForwarderMemoryTest, CountsWhatItKeepsOfARequestForASecondAttempt) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("POST /a", "Content-Length: 40000\r\n") + std::string(40'000, 'b'));
    loop.run();
    EXPECT_GE(memory.held(), 40'000U);
    origin.reply(1, "204", "");
    client.expect_head("HTTP/1.1 204 ");
    EXPECT_TRUE(client.finished());
    EXPECT_LT(memory.held(), 10'000U);
}

TEST_F(ForwarderMemoryTest, KeepsNothingOfAStreamedBodyForASecondAttemptWhileMemoryIsFull) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("POST /a", "Transfer-Encoding: chunked\r\n"));
    loop.run();
    memory.take(64 * 1024 * 1024);
    const auto held = memory.held();
    client.send("9c40\r\n" + std::string(40'000, 'b') + "\r\n");
    loop.run();
    EXPECT_LT(memory.held(), held + 10'000U);
    client.send("0\r\n\r\n");
    origin.reply(1, "204", "");
    client.expect_head("HTTP/1.1 204 ");
    EXPECT_TRUE(client.finished());
    memory.give_back(64 * 1024 * 1024);
}

}  // namespace
}  // namespace nikawa::proxy
