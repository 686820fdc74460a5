#include "origin/h1_fixture.hpp"

namespace nikawa::origin {
namespace {

constexpr std::string_view switched =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

class H1UpgradeTest : public H1SessionTest {
protected:
    StreamLease ask_for_upgrade(http::BodyFraming framing = http::NoBody{}) {
        auto head = request("GET", "/chat");
        head.fields.add("Connection", "Upgrade");
        head.fields.add("Upgrade", "websocket");
        return begin(head, framing);
    }

    std::string read_some(net::TunnelEnd& end) {
        loop.run();
        std::string into(100, '\0');
        const auto read = end.stream.try_read(into);
        into.resize(read.state == net::IoResult::State::done ? read.bytes : 0);
        return into;
    }

    // What the tunnel's other half would do.
    Task<bool> wait(net::ByteStream& stream) {
        co_await stream.wait_readable();
        co_return true;
    }
};

TEST_F(H1UpgradeTest, GivesItsConnectionAwayAfterTheSwitch) {
    origin->expect_head("GET /chat").send(std::string{switched}.append("first"));
    auto lease = ask_for_upgrade();
    EXPECT_EQ(status_of(lease), 101U);
    auto end = lease->take_over();
    ASSERT_TRUE(end);
    EXPECT_EQ(end->early, "first");
    const auto woken = loop.start(wait(end->stream));
    origin->send("second");
    loop.run();
    EXPECT_TRUE(woken.done());
    EXPECT_EQ(read_some(*end), "second");
    const Bytes piece = "third";
    end->stream.try_write({&piece, 1});
    origin->expect("third").expect_end();
    lease->abandon(given_up);  // the holder's business now
    EXPECT_FALSE(ended);
    lease.reset();
    EXPECT_TRUE(origin->finished());
    expect_ended();
}

TEST_F(H1UpgradeTest, CountsForNoStreamOnceItIsSomebodysConnection) {
    origin->expect_head("GET /chat").send(switched);
    auto lease = ask_for_upgrade();
    EXPECT_EQ(status_of(lease), 101U);
    EXPECT_EQ(session->streams(), 1U);
    const int told_before = told;
    auto end = lease->take_over();
    EXPECT_EQ(session->streams(), 0U);
    EXPECT_EQ(session->capacity(), 0U);
    EXPECT_TRUE(session->is_retired());
    EXPECT_EQ(session->end_cause(), SessionEnd::taken_over);
    loop.run();
    EXPECT_GT(told, told_before);
    EXPECT_FALSE(ended);
    loop.advance(1h);  // none of its timeouts runs any more
    session->drain();
    EXPECT_FALSE(wire->is_closed());
    session->close({Errc::pool_closed, Side::self});
    EXPECT_TRUE(wire->is_closed());
    lease.reset();
    expect_ended();
}

TEST_F(H1UpgradeTest, IsReadByNobodyElse) {
    origin->expect_head("GET /chat").send(switched);
    auto lease = ask_for_upgrade();
    EXPECT_EQ(status_of(lease), 101U);
    auto end = lease->take_over();
    loop.run();
    const auto reads = wire->reads();
    origin->send("unasked");
    loop.run();
    EXPECT_EQ(wire->reads(), reads);
    EXPECT_EQ(read_some(*end), "unasked");
    lease.reset();
    expect_ended();
}

TEST_F(H1UpgradeTest, HasNothingToGiveBeforeTheSwitchOrWithoutIt) {
    origin->expect_head("GET /chat").send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    auto lease = ask_for_upgrade();
    EXPECT_FALSE(lease->take_over());
    EXPECT_EQ(status_of(lease), 200U);
    EXPECT_FALSE(lease->take_over());
    EXPECT_EQ(*body_of(lease), "ok");
    lease.reset();
    EXPECT_TRUE(is_reusable());
}

TEST_F(H1UpgradeTest, EndsTheConnectionOfAHolderWhoDoesNotTakeIt) {
    origin->expect_head("GET /chat").send(switched);
    auto lease = ask_for_upgrade();
    EXPECT_EQ(status_of(lease), 101U);
    lease.reset();
    expect_ended();
}

TEST_F(H1UpgradeTest, TakesNoSwitchBeforeTheRequestIsWhole) {  // RFC 9110 §7.8
    origin->expect_head("GET /chat").send(switched);
    auto lease = ask_for_upgrade(http::Sized{5});
    const auto head = loop.result_of(lease->receive_head());
    ASSERT_FALSE(head);
    EXPECT_EQ(head.error().code, Errc::malformed);
    lease.reset();
    expect_ended();
}

TEST_F(H1UpgradeTest, AskingOnceIsNotAskingAgain) {
    origin->expect_head("GET /chat").send("HTTP/1.1 204 No Content\r\n\r\n");
    auto lease = ask_for_upgrade();
    EXPECT_EQ(status_of(lease), 204U);
    lease.reset();
    origin->expect_head("GET /").send(switched);
    auto next = get();
    EXPECT_EQ(loop.result_of(next->receive_head()).error().code, Errc::malformed);
    next.reset();
}

}  // namespace
}  // namespace nikawa::origin
