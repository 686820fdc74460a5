#include "proxy/tunnel.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "support/memory_stream.hpp"
#include "support/test_loop.hpp"

namespace nikawa::proxy {
namespace {

using namespace std::chrono_literals;
using test::MemoryStream;
using State = net::IoResult::State;

constexpr std::size_t scratch_bytes = 64 * 1024;

class TunnelTest : public testing::Test {
protected:
    // What a test opens it also ends.
    ~TunnelTest() override {
        EXPECT_TRUE(outcome.done()) << "the tunnel goes on";
        EXPECT_EQ(memory.held(), 0U);
    }

    void open(std::string client_early = "", std::string origin_early = "") {
        tunnel.emplace(loop.loop(),
                       net::TunnelEnd{*client.near, std::move(client_early)},
                       net::TunnelEnd{*origin.near, std::move(origin_early)},
                       TunnelMeans{scratch, memory, 10s});
        outcome = loop.start(tunnel->run());
    }

    // All of it, as far as it is taken; gives what was not.
    std::string put(MemoryStream& end, std::string text) {
        for (;;) {
            const Bytes rest = text;
            const auto sent = end.try_write({&rest, 1});
            if (sent.state != State::done) return text;
            text.erase(0, sent.bytes);
            loop.run();
            if (text.empty()) return text;
        }
    }

    // What has come, at most so much.
    std::string take(MemoryStream& end, std::size_t most = 1 << 20) {
        std::string got;
        while (got.size() < most) {
            std::array<char, 4096> into;
            const auto read = end.try_read(MutableBytes{into}.first(std::min(into.size(), most)));
            if (read.state != State::done) break;
            got.append(into.data(), read.bytes);
            loop.run();
        }
        return got;
    }

    static State state_of(MemoryStream& end) {
        char one = 0;
        return end.try_read({&one, 1}).state;
    }

    std::optional<Errc> failure() {
        loop.run();
        EXPECT_TRUE(outcome.done());
        if (!outcome.done() || !outcome.value()) return std::nullopt;
        return outcome.value()->code;
    }

    void end_both() {
        client.far->shutdown_send();
        origin.far->shutdown_send();
        EXPECT_EQ(failure(), std::nullopt);
    }

    test::TestLoop loop;
    MemoryBudget memory{1024 * 1024};
    std::vector<char> room = std::vector<char>(scratch_bytes);
    MutableBytes scratch{room};
    test::StreamPair client = test::make_stream_pair(loop);
    test::StreamPair origin = test::make_stream_pair(loop);
    std::optional<Tunnel> tunnel;
    test::Started<std::optional<Failure>> outcome;
};

TEST_F(TunnelTest, PassesBytesBothWaysAndCountsThem) {
    open();
    put(*client.far, "hello");
    EXPECT_EQ(take(*origin.far), "hello");
    put(*origin.far, "good day");
    EXPECT_EQ(take(*client.far), "good day");
    end_both();
    EXPECT_EQ(tunnel->to_origin(), 5U);
    EXPECT_EQ(tunnel->to_client(), 8U);
}

TEST_F(TunnelTest, SendsFirstWhatWasReadBefore) {
    put(*client.far, " and late");
    open("early", "at once");
    EXPECT_EQ(take(*origin.far), "early and late");
    EXPECT_EQ(take(*client.far), "at once");
    end_both();
    EXPECT_EQ(tunnel->to_origin(), 14U);
}

TEST_F(TunnelTest, ReadsNoMoreThanTheOtherSideTakes) {
    origin.near->set_capacity(1000);
    open();
    const std::string all(500 * 1000, 'x');
    const auto left = put(*client.far, all);
    const auto under_way = all.size() - left.size();
    EXPECT_LE(under_way, 1000 + scratch_bytes + 64 * 1024);  // the wires' and one read
    EXPECT_GT(memory.held(), 0U);
    EXPECT_LE(memory.held(), 2 * scratch_bytes);

    EXPECT_EQ(take(*origin.far), all.substr(0, under_way));
    EXPECT_EQ(memory.held(), 0U);
    EXPECT_EQ(put(*client.far, left.substr(0, 500)), "");
    EXPECT_EQ(take(*origin.far), left.substr(0, 500));
    end_both();
}

TEST_F(TunnelTest, PassesAlthoughTheWayBackIsBlocked) {
    client.near->set_capacity(10);
    open();
    put(*origin.far, std::string(1000, 'x'));
    put(*client.far, "hello");
    EXPECT_EQ(take(*origin.far), "hello");
    EXPECT_EQ(take(*client.far).size(), 1000U);
    end_both();
}

TEST_F(TunnelTest, SharesItsScratchWithOthers) {
    auto other_client = test::make_stream_pair(loop);
    auto other_origin = test::make_stream_pair(loop);
    Tunnel other{loop,
                 {*other_client.near, {}},
                 {*other_origin.near, {}},
                 TunnelMeans{scratch, memory, 10s}};
    auto other_outcome = loop.start(other.run());
    origin.near->set_capacity(3);
    open();
    put(*client.far, "abcdefghi");
    put(*other_client.far, "ABCDEFGHI");
    EXPECT_EQ(take(*other_origin.far), "ABCDEFGHI");
    EXPECT_EQ(take(*origin.far), "abcdefghi");
    end_both();
    other_client.far->close();
    other_origin.far->close();
    loop.run();
    EXPECT_TRUE(other_outcome.done());
}

TEST_F(TunnelTest, ReadsLessWhileMemoryIsShort) {
    BudgetShare others{&memory};
    others.set(600 * 1024);
    origin.near->set_capacity(1);
    open();
    put(*client.far, std::string(60 * 1024, 'x'));
    EXPECT_LE(memory.held(), 600 * 1024 + 16 * 1024);
    take(*origin.far);
    end_both();
    others.set(0);
}

TEST_F(TunnelTest, PassesOnTheEndOfOneSideAndGoesOnTheOtherWay) {
    open();
    put(*client.far, "the question");
    client.far->shutdown_send();
    EXPECT_EQ(take(*origin.far), "the question");
    EXPECT_EQ(state_of(*origin.far), State::end);
    loop.advance(5s);
    put(*origin.far, "the answer");
    EXPECT_EQ(take(*client.far), "the answer");
    EXPECT_FALSE(outcome.done());
    origin.far->shutdown_send();
    EXPECT_EQ(failure(), std::nullopt);
    EXPECT_EQ(state_of(*client.far), State::end);
}

TEST_F(TunnelTest, SendsWhatItHoldsBeforeTheEnd) {
    origin.near->set_capacity(4);
    open();
    put(*client.far, "the question");
    client.far->shutdown_send();
    loop.run();
    EXPECT_EQ(take(*origin.far), "the question");
    EXPECT_EQ(state_of(*origin.far), State::end);
    origin.far->shutdown_send();
    EXPECT_EQ(failure(), std::nullopt);
}

TEST_F(TunnelTest, ResetsTheOneSideWhenTheOtherIsReset) {
    open();
    client.far->abort();
    EXPECT_EQ(failure(), Errc::client_gone);
    EXPECT_EQ(state_of(*origin.far), State::failed);
}

TEST_F(TunnelTest, ResetsTheClientWhenTheOriginIsReset) {
    open();
    origin.far->abort();
    EXPECT_EQ(failure(), Errc::peer_closed);
    EXPECT_EQ(state_of(*client.far), State::failed);
}

TEST_F(TunnelTest, NoticesThatTheSideIsGoneToWhichItCannotSend) {
    origin.near->set_capacity(4);
    open();
    put(*client.far, "the question");
    origin.far->close();
    EXPECT_EQ(failure(), Errc::peer_closed);
    EXPECT_EQ(state_of(*client.far), State::failed);
}

TEST_F(TunnelTest, IsNoFailureWhenASideTakesNothingAfterItsEnd) {
    open();
    origin.far->close();
    loop.run();
    EXPECT_EQ(state_of(*client.far), State::end);
    put(*client.far, "too late");
    put(*client.far, "and again");
    EXPECT_EQ(failure(), std::nullopt);
}

TEST_F(TunnelTest, EndsAfterATimeWithoutAByteEitherWay) {
    open();
    loop.advance(9s);
    put(*client.far, "a");
    loop.advance(9s);
    put(*origin.far, "b");
    loop.advance(9999ms);
    EXPECT_FALSE(outcome.done());
    loop.advance(1ms);
    EXPECT_EQ(failure(), Errc::tunnel_timed_out);
    EXPECT_EQ(take(*origin.far), "a");
    EXPECT_EQ(state_of(*origin.far), State::end);
    EXPECT_EQ(take(*client.far), "b");
    EXPECT_EQ(state_of(*client.far), State::end);
}

TEST_F(TunnelTest, NobodyTakesForWholeWhatWasHeldWhenTimeWasUp) {
    origin.near->set_capacity(4);
    open();
    put(*client.far, "the question");
    loop.advance(10s);
    EXPECT_EQ(failure(), Errc::tunnel_timed_out);
    EXPECT_EQ(state_of(*origin.far), State::failed);
    EXPECT_EQ(state_of(*client.far), State::end);
}

TEST_F(TunnelTest, LetsTheOtherSideGoOnAfterTheEndOfOneWithoutHalfClose) {
    origin.near->half_close = false;
    open();
    put(*origin.far, "last words");
    origin.far->shutdown_send();
    EXPECT_EQ(take(*client.far), "last words");
    EXPECT_EQ(state_of(*client.far), State::end);
    for (int i = 0; i < 5; ++i) {
        put(*client.far, "farewell");  // and no end
        EXPECT_EQ(take(*origin.far), "farewell");
        loop.advance(1999ms);
        EXPECT_FALSE(outcome.done());
    }
    loop.advance(1ms);
    EXPECT_EQ(failure(), std::nullopt);
    EXPECT_EQ(state_of(*origin.far), State::failed) << "nobody has said that this was all";
}

TEST_F(TunnelTest, TellsOfWhatTheSideThatEndedDidNotTake) {
    origin.near->half_close = false;
    origin.near->set_capacity(4);
    open();
    origin.far->shutdown_send();
    loop.run();
    put(*client.far, "farewell");
    loop.advance(2s);
    EXPECT_EQ(failure(), Errc::peer_closed);
    EXPECT_EQ(state_of(*origin.far), State::failed);
}

TEST_F(TunnelTest, CutsBothSidesWhateverTheyWaitFor) {
    origin.near->set_capacity(4);
    open();
    put(*client.far, "the question");
    tunnel->cut({Errc::client_gone, Side::client});
    EXPECT_EQ(failure(), Errc::client_gone);
    EXPECT_EQ(state_of(*client.far), State::failed);
    EXPECT_EQ(state_of(*origin.far), State::failed);
}

}  // namespace
}  // namespace nikawa::proxy
