#include "nikawa/net/tcp_stream.hpp"

#include <linux/filter.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "net/io_test.hpp"

namespace nikawa::net {
namespace {

using State = IoResult::State;

class TcpStreamTest : public IoTest {
protected:
    TcpStreamTest() {
        auto [our_fd, their_fd] = connected_pair();
        ours = std::make_unique<TcpStream>(event_loop, std::move(our_fd));
        theirs = std::make_unique<TcpStream>(event_loop, std::move(their_fd));
    }

    std::unique_ptr<TcpStream> ours;
    std::unique_ptr<TcpStream> theirs;
};

Task<bool> wait_once(ByteStream& stream) {
    co_await stream.wait_readable();
    co_return true;
}

TEST_F(TcpStreamTest, CarriesBytesBothWays) {
    Pending<std::string> there{loop, receive(*theirs, 5)};
    Pending<std::string> back{loop, receive(*ours, 4)};
    await(send_all(*ours, "hello"));
    await(send_all(*theirs, "ciao"));
    run_until([&] { return there.is_done() && back.is_done(); });
    EXPECT_EQ(there.take(), "hello");
    EXPECT_EQ(back.take(), "ciao");
}

TEST_F(TcpStreamTest, WritesPiecesInOrderHoweverManyTheyAre) {
    std::vector<Bytes> pieces(40, "ab");
    pieces[0] = "";
    const auto sent = ours->try_write(pieces);
    ASSERT_EQ(sent.state, State::done);
    std::string expected;
    for (std::size_t i = 0; i < sent.bytes; ++i) expected += i % 2 == 0 ? 'a' : 'b';
    EXPECT_EQ(await(receive(*theirs, sent.bytes)), expected);
}

TEST_F(TcpStreamTest, CarriesMoreThanTheBuffersHold) {
    const auto bytes = pattern(8'000'000);
    Pending<int> sending{loop, send_all(*ours, bytes)};
    EXPECT_TRUE(await(receive(*theirs, bytes.size())) == bytes);
    run_until([&] { return sending.is_done(); });
    EXPECT_GT(sending.take(), 0);
}

TEST_F(TcpStreamTest, SaysThatThePeerHasEndedItsSideAndStillWrites) {
    await(send_all(*ours, "last words"));
    ours->shutdown_send();
    const auto received = await(receive_all(*theirs));
    EXPECT_EQ(received.bytes, "last words");
    EXPECT_EQ(received.end.state, State::end);
    await(send_all(*theirs, "heard"));
    EXPECT_EQ(await(receive(*ours, 5)), "heard");
}

// RFC 9112 §9.6: data and FIN in one go; the end must not wait for another event.
TEST_F(TcpStreamTest, SeesTheEndThatCameTogetherWithData) {
    char byte = 0;
    EXPECT_EQ(theirs->try_read({&byte, 1}).state, State::would_block);
    Pending<bool> woken{loop, wait_once(*theirs)};
    settle();
    ours->try_write(std::array<Bytes, 1>{"abc"});
    ours->close();
    run_until([&] { return woken.is_done(); });
    const auto received = await(receive_all(*theirs));
    EXPECT_EQ(received.bytes, "abc");
    EXPECT_EQ(received.end.state, State::end);
}

TEST_F(TcpStreamTest, CloseWakesTheWaiterAndEveryCallAfterwardsFails) {
    Pending<Received> reading{loop, receive_all(*ours)};
    settle();
    ours->close();
    run_until([&] { return reading.is_done(); });
    EXPECT_EQ(reading.take().end.state, State::failed);
    EXPECT_EQ(ours->try_write(std::array<Bytes, 1>{"x"}).state, State::failed);
    EXPECT_TRUE(await(wait_once(*ours)));
}

TEST_F(TcpStreamTest, AbortIsSeenAsAResetAndNotAsAnEnd) {
    Pending<Received> reading{loop, receive_all(*theirs)};
    settle();
    ours->abort();
    run_until([&] { return reading.is_done(); });
    const auto end = reading.take().end;
    EXPECT_EQ(end.state, State::failed);
    EXPECT_EQ(end.error.message(), "Connection reset by peer");
}

// What the poller calls a hang-up then is no broken connection: what came before is still unread.
TEST_F(TcpStreamTest, TwoEndsInGoodOrderAreNoHangUp) {
    struct Peer final : PeerCloseListener {
        void peer_closed() noexcept override { is_closed = true; }
        void peer_ended() noexcept override { has_ended = true; }
        bool is_closed = false;
        bool has_ended = false;
    } peer;
    ours->watch_peer(&peer);
    ours->shutdown_send();
    await(send_all(*theirs, "last words"));
    theirs->shutdown_send();
    run_until([&] { return peer.has_ended; });
    EXPECT_FALSE(peer.is_closed);
    const auto received = await(receive_all(*ours));
    EXPECT_EQ(received.bytes, "last words");
    EXPECT_EQ(received.end.state, State::end);
}

TEST_F(TcpStreamTest, WakeWakesWithoutAnythingHavingHappened) {
    Pending<bool> woken{loop, wait_once(*ours)};
    settle();
    EXPECT_FALSE(woken.is_done());
    ours->wake();
    settle();
    EXPECT_TRUE(woken.is_done());
}

TEST_F(TcpStreamTest, MayGoWhileArmed) {
    auto wait = std::make_unique<Pending<bool>>(loop, wait_once(*ours));
    settle();
    ours->wake();
    settle();
    await(send_all(*theirs, "too late"));
    ours.reset();
    settle();
}

class PathTest : public IoTest {
protected:
    [[nodiscard]] int option(int name) const {
        int value = 0;
        socklen_t size = sizeof value;
        getsockopt(number, IPPROTO_TCP, name, &value, &size);
        return value;
    }

    // What a path is like that has forgotten the connection: nothing that is sent arrives.
    void make_peer_deaf() {
        sock_filter drop_all{BPF_RET | BPF_K, 0, 0, 0};
        const sock_fprog program{1, &drop_all};
        ASSERT_EQ(
            setsockopt(fds.second.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program),
            0);
    }

    void make_peer_hear() {
        const int unused = 0;
        setsockopt(fds.second.get(), SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
    }

    std::pair<UniqueFd, UniqueFd> fds = connected_pair();
    int number = fds.first.get();
    TcpStream ours{event_loop, std::move(fds.first)};
};

TEST_F(PathTest, SaysWhetherThePeerHasAcknowledged) {
    EXPECT_FALSE(ours.path().is_waiting);
    await(send_all(ours, "heard"));
    EXPECT_FALSE(ours.path().is_waiting);  // on the loopback an acknowledgement takes no time
    EXPECT_LT(ours.path().silence, 10s);

    make_peer_deaf();
    await(send_all(ours, "not heard"));
    EXPECT_TRUE(ours.path().is_waiting);
    const auto silence = ours.path().silence;
    run_until([&] { return ours.path().silence > silence; });

    make_peer_hear();
    run_until([&] { return !ours.path().is_waiting; });
}

TEST_F(PathTest, ProbesMoreOftenWhileAskedTo) {
    detect_dead_peer(number, 30s);
    EXPECT_EQ(option(TCP_KEEPIDLE), 30);
    EXPECT_EQ(option(TCP_KEEPINTVL), 10);
    ours.probe_path(true);
    EXPECT_EQ(option(TCP_KEEPIDLE), 1);
    EXPECT_EQ(option(TCP_KEEPINTVL), 1);
    ours.probe_path(false);
    EXPECT_EQ(option(TCP_KEEPIDLE), 30);
    EXPECT_EQ(option(TCP_KEEPINTVL), 10);
}

TEST_F(PathTest, GivesUpOnAFullWindowUnlessItIsToBearIt) {
    detect_dead_peer(number, 30s);
    EXPECT_EQ(option(TCP_USER_TIMEOUT), 30'000);
    ours.bear_full_window();
    EXPECT_EQ(option(TCP_USER_TIMEOUT), 0);
}

TEST_F(PathTest, IsUnknownOfAClosedStream) {
    ours.close();
    ours.probe_path(true);
    EXPECT_FALSE(ours.path().is_waiting);
}

TEST_F(PathTest, KeepsWhatCannotBeSentInOurHands) {
    limit_unsent(number, 16 * 1024);
    EXPECT_EQ(option(TCP_NOTSENT_LOWAT), 16 * 1024);
}

TEST_F(TcpStreamTest, NamesItsPeer) {
    EXPECT_TRUE(ours->peer_address().starts_with("127.0.0.1:")) << ours->peer_address();
}

class WatchPeerTest : public TcpStreamTest {
protected:
    PeerCloseCount closed;
};

TEST_F(WatchPeerTest, HearsOnceOfAPeerThatHangsUp) {
    ours->watch_peer(&closed);
    settle();
    EXPECT_EQ(closed.count, 0);
    theirs.reset();
    run_until([&] { return closed.count > 0; });
    settle();
    EXPECT_EQ(closed.count, 1);
}

TEST_F(WatchPeerTest, HearsOfAPeerThatHadHungUpBefore) {
    EXPECT_EQ(await(receive(*ours, 0)), "");
    Pending<bool> woken{loop, wait_once(*ours)};
    theirs.reset();
    run_until([&] { return woken.is_done(); });
    ours->watch_peer(&closed);
    run_until([&] { return closed.count == 1; });
}

TEST_F(WatchPeerTest, LeavesDataForTheReader) {
    ours->watch_peer(&closed);
    await(send_all(*theirs, "next"));
    settle();
    EXPECT_EQ(closed.count, 0);
    EXPECT_EQ(await(receive(*ours, 4)), "next");
    theirs.reset();
    run_until([&] { return closed.count == 1; });
}

TEST_F(WatchPeerTest, SaysNothingWhileSomebodyReads) {
    ours->watch_peer(&closed);
    Pending<Received> reading{loop, receive_all(*ours)};
    settle();
    theirs.reset();
    run_until([&] { return reading.is_done(); });
    EXPECT_EQ(reading.take().end.state, State::end);
    EXPECT_EQ(closed.count, 0);
}

TEST_F(WatchPeerTest, IsEndedByNull) {
    ours->watch_peer(&closed);
    ours->watch_peer(nullptr);
    theirs.reset();
    settle();
    EXPECT_EQ(closed.count, 0);
}

TEST_F(WatchPeerTest, HearsOfAnEndBehindUnreadData) {
    ours->watch_peer(&closed);
    await(send_all(*theirs, "unread"));
    theirs.reset();
    run_until([&] { return closed.count == 1; });
}

TEST_F(WatchPeerTest, HearsOfAResetBehindUnreadData) {
    ours->watch_peer(&closed);
    await(send_all(*theirs, "unread"));
    settle();
    await(send_all(*ours, "never read"));  // data unread at close makes it a reset
    theirs.reset();
    run_until([&] { return closed.count == 1; });
}

}  // namespace
}  // namespace nikawa::net
