#include "daemon/refusals.hpp"

#include <gtest/gtest.h>

#include "daemon/open_connections.hpp"
#include "support/memory_stream.hpp"
#include "support/scripted_peer.hpp"
#include "support/test_loop.hpp"

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

class RefusalsTest : public testing::Test {
protected:
    ~RefusalsTest() override {
        refusals.close_all();
        loop.run();
    }

    /// A client that is refused.
    std::unique_ptr<test::MemoryStream> refuse(std::string_view sent = get) {
        auto pair = test::make_stream_pair(loop);
        const Bytes piece = sent;
        pair.far->try_write({&piece, 1});
        refusals.refuse(std::move(pair.near));
        loop.run();
        return std::move(pair.far);
    }

    static std::string received(test::MemoryStream& client) {
        std::array<char, 4096> bytes;
        const auto got = client.try_read(bytes);
        return {bytes.data(), got.bytes};
    }

    static bool is_ended(test::MemoryStream& client) {
        std::array<char, 1> byte;
        return client.try_read(byte).state == net::IoResult::State::end;
    }

    test::TestLoop loop;
    Refusals refusals{loop.loop(), "nikawa-1", 2};
};

TEST_F(RefusalsTest, AnswersWhateverWasAsked) {
    const auto client = refuse();
    const auto answer = received(*client);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    for (const std::string_view line :
         {"\r\nConnection: close\r\n",
          "\r\nRetry-After: 1\r\n",
          "\r\nProxy-Status: nikawa-1; error=connection_limit_reached;"}) {
        EXPECT_NE(answer.find(line), std::string::npos) << line << answer;
    }
    EXPECT_TRUE(is_ended(*client));
    client->shutdown_send();
    loop.run();
    EXPECT_EQ(loop.loop().task_count(), 0U);
}

TEST_F(RefusalsTest, TheAnswerSurvivesARequestThatComesLater) {
    const auto client = refuse("");
    const Bytes piece = get;
    client->try_write({&piece, 1});
    loop.run();
    EXPECT_TRUE(received(*client).starts_with("HTTP/1.1 503 "));
}

TEST_F(RefusalsTest, AClientThatStaysIsClosed) {
    const auto client = refuse();
    EXPECT_EQ(loop.loop().task_count(), 1U);
    loop.advance(1s);
    EXPECT_EQ(loop.loop().task_count(), 0U);
}

TEST_F(RefusalsTest, OfTooManyTheFirstAreClosed) {
    const auto first = refuse();
    const auto second = refuse();
    const auto third = refuse();
    EXPECT_EQ(loop.loop().task_count(), 2U);
    EXPECT_TRUE(received(*first).starts_with("HTTP/1.1 503 "));
    EXPECT_TRUE(is_ended(*first));
    refusals.close_all();
    loop.run();
    EXPECT_EQ(loop.loop().task_count(), 0U);
}

TEST_F(RefusalsTest, ForWantOfADescriptorTheConnectionIsClosedAtOnce) {
    auto pair = test::make_stream_pair(loop);
    refusals.refuse_at_once(*pair.near);
    EXPECT_TRUE(pair.near->is_closed());
    EXPECT_NE(received(*pair.far).find("no file descriptor left"), std::string::npos);
}

/// A connection of a client, and its place among those that are open.
class OpenConnectionsTest : public testing::Test {
protected:
    struct NoHandler final : client::RequestHandler {
        Task<void> handle(client::ClientExchange& exchange) override {
            http::ResponseHead head;
            head.status = 204;
            exchange.begin_response(head, http::NoBody{});
            static_cast<void>(co_await exchange.finish_response({}, {}));
        }
        Task<void> refuse(client::ClientExchange& exchange, const Failure& failure) override {
            exchange.break_off(failure);
            co_return;
        }
    };

    struct Client {
        std::unique_ptr<test::MemoryStream> end;
        [[nodiscard]] bool is_closed() const {
            std::array<char, 4096> bytes;
            auto state = net::IoResult::State::done;
            while (state == net::IoResult::State::done) state = end->try_read(bytes).state;
            return state == net::IoResult::State::end;
        }
        void send(Bytes bytes) const { end->try_write({&bytes, 1}); }
    };

    ~OpenConnectionsTest() override {
        open.close_all();
        loop.run();
    }

    Client connect(std::string_view address) {
        auto pair = test::make_stream_pair(loop);
        loop.spawn(serve(std::move(pair.near), *net::IpAddress::parse(address)));
        loop.run();
        return {std::move(pair.far)};
    }

    Task<void> serve(std::unique_ptr<net::ByteStream> stream, net::IpAddress client) {
        OpenConnection one{open, *limits.take(client)};
        const client::ClientLimits no_limits;
        client::ClientConnection connection{
            loop.loop(), std::move(stream), handler, no_limits, &one};
        one.begin(connection);
        co_await connection.run();
    }

    bool let_idle_one_go(std::optional<net::IpAddress> client = {}) {
        const bool done = open.let_idle_one_go(client ? &*client : nullptr);
        loop.run();
        return done;
    }

    test::TestLoop loop;
    NoHandler handler;
    ConnectionLimits limits{100, 0};
    OpenConnections open{loop.loop()};
};

TEST_F(OpenConnectionsTest, TheOneThatWasIdleForLongestIsLetGo) {
    const auto first = connect("192.0.2.1");
    loop.advance(50ms);
    const auto second = connect("192.0.2.2");
    loop.advance(50ms);
    first.send(get);  // and so it is the second that has been idle for longest
    loop.run();
    loop.advance(OpenConnections::a_moment);
    EXPECT_TRUE(let_idle_one_go());
    EXPECT_FALSE(first.is_closed());
    EXPECT_TRUE(second.is_closed());
    EXPECT_EQ(limits.open(), 1U);
}

TEST_F(OpenConnectionsTest, NoneIsLetGoThatWasIdleForAMomentOrIsBusy) {
    const auto idle = connect("192.0.2.1");
    loop.advance(OpenConnections::a_moment);
    EXPECT_FALSE(let_idle_one_go());
    loop.advance(1ms);
    idle.send("GET /");  // a head has begun
    loop.run();
    EXPECT_FALSE(let_idle_one_go());
    EXPECT_FALSE(open.longest_idle_since());
    EXPECT_FALSE(idle.is_closed());
}

TEST_F(OpenConnectionsTest, APlaceIsFreeAtOnceAndGivenBackOnce) {
    const auto idle = connect("192.0.2.1");
    EXPECT_EQ(open.longest_idle_since(), loop.loop().now());
    loop.advance(1s);
    EXPECT_TRUE(open.let_idle_one_go());
    EXPECT_EQ(limits.open(), 0U);
    EXPECT_FALSE(open.let_idle_one_go());
    loop.run();
    EXPECT_EQ(limits.open(), 0U);
    EXPECT_TRUE(open.empty());
}

TEST_F(OpenConnectionsTest, OneOfACertainClientCanBeAskedFor) {
    const auto first = connect("192.0.2.1");
    const auto second = connect("192.0.2.2");
    loop.advance(1s);
    EXPECT_FALSE(let_idle_one_go(net::IpAddress::parse("192.0.2.3")));
    EXPECT_TRUE(let_idle_one_go(net::IpAddress::parse("192.0.2.2")));
    EXPECT_FALSE(first.is_closed());
    EXPECT_TRUE(second.is_closed());
}

}  // namespace
}  // namespace nikawa::daemon
