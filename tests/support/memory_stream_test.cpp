#include "support/memory_stream.hpp"

#include <array>
#include <string>

#include "support/scripted_peer.hpp"
#include "support/test_loop.hpp"

namespace nikawa::test {
namespace {

using State = net::IoResult::State;

struct Listener final : net::PeerCloseListener {
    void peer_closed() noexcept override { told = true; }
    bool told = false;
};

class MemoryStreamTest : public testing::Test {
protected:
    net::IoResult write(Bytes bytes) { return pair.near->try_write({&bytes, 1}); }
    net::IoResult read() { return pair.near->try_read(buffer); }

    TestLoop loop;
    StreamPair pair = make_stream_pair(loop, {.capacity = 4});
    std::array<char, 16> buffer{};
};

TEST_F(MemoryStreamTest, TakesNoMoreThanItsCapacityUntilThePeerHasRead) {
    const std::array<Bytes, 2> pieces{"abc", "def"};
    EXPECT_EQ(pair.near->try_write(pieces).bytes, 4U);
    EXPECT_EQ(write("x").state, State::would_block);
    EXPECT_EQ(pair.far->try_read(buffer).bytes, 4U);
    EXPECT_EQ(write("ef").bytes, 2U);
}

TEST_F(MemoryStreamTest, ResetsAPeerWhoseInputWasNotReadAtTheClose) {
    write("ab");
    Bytes answer = "lost";
    pair.far->try_write({&answer, 1});
    pair.far->close();
    EXPECT_EQ(read().state, State::failed);
}

TEST_F(MemoryStreamTest, ResetsAPeerThatWritesAfterTheClose) {
    Bytes answer = "lost";
    pair.far->try_write({&answer, 1});
    pair.far->close();
    EXPECT_EQ(write("ab").state, State::done);
    EXPECT_EQ(read().state, State::failed);
}

TEST_F(MemoryStreamTest, TellsTheListenerOfAHalfCloseFromTheLoop) {
    Listener listener;
    pair.near->watch_peer(&listener);
    pair.far->shutdown_send();
    EXPECT_FALSE(listener.told);
    loop.run();
    EXPECT_TRUE(listener.told);
    EXPECT_EQ(read().state, State::end);
}

TEST_F(MemoryStreamTest, LetsAScriptedPeerPlayBothWays) {
    ScriptedPeer peer{loop, std::move(pair.far)};
    peer.expect_head("GET /a").send("HTTP/1.1 200").expect("more").end().expect_end();
    for (const std::string_view piece : {"GET /a ", "HTTP/1.1\r\n", "\r\n", "more"}) {
        std::string_view left = piece;
        while (!left.empty()) {
            left.remove_prefix(write(left).bytes);
            loop.run();
        }
    }
    std::string got;
    for (auto last = read(); last.state == State::done; last = read()) {
        got.append(buffer.data(), last.bytes);
        loop.run();
    }
    EXPECT_EQ(got, "HTTP/1.1 200");
    pair.near->close();
    EXPECT_TRUE(peer.finished());
    EXPECT_EQ(peer.last_head(), "GET /a HTTP/1.1\r\n\r\n");
}

}  // namespace
}  // namespace nikawa::test
