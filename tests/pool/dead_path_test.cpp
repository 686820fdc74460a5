// What a pool does when the path of a session goes silent, and when it only seems so.

#include <algorithm>

#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

class DeadPathTest : public EvergreenPoolTest {
protected:
    static constexpr net::PathReport unacknowledged{.is_waiting = true, .silence = 1h};
    static constexpr net::PathReport acknowledged{.is_waiting = false, .silence = 100ms};
    static constexpr net::PathReport without_sign{.is_waiting = false, .silence = 1h};

    DeadPathTest() {
        dialer.times = {1ms, 20ms, 20ms};  // patience is 500 ms
        dialer.address = address;
    }

    [[nodiscard]] std::uint64_t doubts() const { return pool->status().counters.doubts; }
    [[nodiscard]] bool has_warm_session() { return pool->try_acquire(Repeatable::no).has_value(); }

    const net::IpAddress address = *net::IpAddress::parse("192.0.2.1");
    const net::IpAddress other_address = *net::IpAddress::parse("192.0.2.2");
};

TEST_F(DeadPathTest, ASessionWhosePathWentSilentGetsNoNewExchange) {
    warm_h2(100);
    loop.advance(5s);
    dialer.near->path_report = unacknowledged;
    auto held = take();
    send(held);
    const auto head = loop.start(held.lease->receive_head());
    loop.advance(500ms - 1ms);
    EXPECT_EQ(dialer.waiting(), 0U);
    loop.advance(1ms);
    EXPECT_EQ(doubts(), 1U);
    EXPECT_FALSE(has_warm_session());
    EXPECT_EQ(dialer.waiting(), 1U);  // at once
    EXPECT_EQ(dials_for(DialReason::path_silent), 1U);
    EXPECT_EQ(dialer.avoided, std::vector{address});
    ASSERT_TRUE(head.done());
    EXPECT_EQ(head.value().error().code, Errc::path_in_doubt);
    auto& waiter = ask();
    auto& next = dialer.connect_h2();
    ASSERT_TRUE(waiter.has_stream());
    EXPECT_EQ(waiter.acquired().cold, DialReason::path_silent);
    exchange(next, waiter.acquired());
    auto another = take();
    exchange(next, another);
}

TEST_F(DeadPathTest, AnHttp11SessionToo) {
    auto& origin = warm_h1();
    loop.advance(5s);
    dialer.near->path_report = unacknowledged;
    auto held = take();
    origin.expect_head("GET /");
    send(held);
    const auto head = loop.start(held.lease->receive_head());
    loop.advance(500ms);
    EXPECT_EQ(doubts(), 1U);
    EXPECT_EQ(dialer.waiting(), 1U);
    ASSERT_TRUE(head.done());
    EXPECT_EQ(head.value().error().code, Errc::path_in_doubt);
    held.lease.reset();
    loop.run();
    EXPECT_EQ(pool->counts().sessions, 0U);
}

TEST_F(DeadPathTest, PatienceIsThreeRoundTrips) {
    dialer.times = {1ms, 300ms, 300ms};
    warm_h2(100);
    dialer.near->path_report = unacknowledged;
    loop.advance(5s);
    auto held = take();
    send(held);
    loop.advance(900ms - 1ms);
    EXPECT_EQ(doubts(), 0U);
    loop.advance(1ms);
    EXPECT_EQ(doubts(), 1U);
}

TEST_F(DeadPathTest, ASlowOriginIsNotDoubted) {
    auto& origin = warm_h2(100);
    dialer.near->path_report = acknowledged;
    loop.advance(5s);
    auto held = take();
    send(held);
    const auto head = loop.start(held.lease->receive_head());
    loop.advance(30s);
    EXPECT_EQ(doubts(), 0U);
    EXPECT_TRUE(has_warm_session());
    EXPECT_GE(origin.pings(), 1U);
    EXPECT_LE(origin.pings(), 4U);  // it is not pestered, either
    origin.reply(3, "204", "");
    loop.run();
    EXPECT_TRUE(head.done());
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(DeadPathTest, ASlowHttp11OriginIsNotDoubted) {
    auto& origin = warm_h1();
    dialer.near->path_report = acknowledged;
    auto held = take();
    origin.expect_head("GET /");
    send(held);
    const auto head = loop.start(held.lease->receive_head());
    loop.advance(1min);
    EXPECT_EQ(doubts(), 0U);
    EXPECT_GE(dialer.near->probes(), 1U);  // TCP was asked
    origin.send(no_content);
    loop.run();
    EXPECT_TRUE(head.done());
}

TEST_F(DeadPathTest, APathThatDiesAfterTheRequestWasAcknowledgedIsFoundByAsking) {
    auto& origin = warm_h1();
    auto held = take();
    origin.expect_head("GET /");
    send(held);
    dialer.near->path_report = without_sign;
    loop.advance(500ms);
    EXPECT_TRUE(dialer.near->is_probing());
    EXPECT_EQ(doubts(), 0U);
    loop.advance(1500ms);
    EXPECT_EQ(doubts(), 1U);
}

TEST_F(DeadPathTest, ASecondRequestAfterASlowOneIsWatchedAsWell) {
    auto& origin = warm_h2(100);
    dialer.near->path_report = acknowledged;
    auto slow = take();
    send(slow);
    loop.advance(3s);  // asked, and found alive: looked at again in many seconds
    origin.reply(3, "204", "");
    loop.run();
    slow.lease.reset();
    loop.advance(1s);
    dialer.near->path_report = unacknowledged;
    auto next = take();
    send(next);
    loop.advance(500ms);
    EXPECT_EQ(doubts(), 1U);
}

TEST_F(DeadPathTest, AnExchangeGivenUpLeavesNoOldSilenceBehind) {
    auto& origin = warm_h2(100);
    dialer.near->path_report = unacknowledged;
    auto given_up = take();
    send(given_up);
    given_up.lease.reset();  // before anything was due
    loop.advance(10s);
    EXPECT_EQ(doubts(), 0U);
    auto next = take();
    send(next);
    loop.advance(499ms);
    EXPECT_EQ(doubts(), 0U);
    origin.reply(5, "204", "");
    loop.advance(1ms);
    EXPECT_EQ(doubts(), 0U);
}

TEST_F(DeadPathTest, AnIdleSessionThatDoesNotAnswerIsReplaced) {
    auto& origin = warm_h2(100);
    origin.set_answers_pings(false);
    dialer.near->path_report = unacknowledged;
    loop.advance(15s);
    EXPECT_EQ(origin.pings(), 1U);
    loop.advance(500ms);
    EXPECT_EQ(doubts(), 1U);
    EXPECT_EQ(dialer.waiting(), 1U);
    auto& next = dialer.connect_h2();
    auto acquired = take();
    exchange(next, acquired);
    EXPECT_EQ(pool->counts().sessions, 2U);
    loop.advance(25s);
    EXPECT_EQ(pool->counts().sessions, 1U);  // it has had its time
}

TEST_F(DeadPathTest, ASessionThatIsHeardAgainComesBack) {
    auto& origin = warm_h2(100);
    origin.set_answers_pings(false);
    dialer.near->path_report = unacknowledged;
    auto held = take();
    send(held);
    loop.advance(500ms);
    EXPECT_FALSE(has_warm_session());
    EXPECT_EQ(dialer.waiting(), 1U);
    dialer.near->path_report = acknowledged;
    origin.reply(3, "204", "");
    loop.run();
    EXPECT_TRUE(loop.result_of(held.lease->receive_head()));
    EXPECT_TRUE(has_warm_session());
    EXPECT_EQ(pool->counts().sessions, 1U);
}

TEST_F(DeadPathTest, ItIsNotDoubtedWhenItIsWeWhoWereHeldUp) {
    warm_h2(100);
    dialer.near->path_report = unacknowledged;
    auto held = take();
    send(held);
    loop.loop().advance_to(loop.now() + 700ms);  // in one leap: nobody has read meanwhile
    EXPECT_EQ(doubts(), 0U);
    loop.advance(500ms);
    EXPECT_EQ(doubts(), 1U);
}

TEST_F(DeadPathTest, ItIsDoubtedAgainWhenItGoesSilentAgain) {
    auto& origin = warm_h2(100);
    dialer.near->path_report = unacknowledged;
    auto first = take();
    auto second = take();
    send(first);
    send(second);
    loop.advance(500ms);
    EXPECT_EQ(doubts(), 1U);
    origin.reply(3, "204", "");  // the other response is still due
    loop.run();
    EXPECT_TRUE(has_warm_session());
    loop.advance(500ms);
    EXPECT_EQ(doubts(), 2U);
    EXPECT_FALSE(has_warm_session());
}

TEST_F(DeadPathTest, SiblingsToTheSameAddressMustProveThemselves) {
    auto& first = warm_h2(100);
    auto* const near_of_first = dialer.near;
    std::vector<Acquired> burst;
    for (int i = 0; i < 8; ++i) burst.push_back(take());
    loop.run();
    ASSERT_EQ(dialer.waiting(), 2U);
    auto& second = dialer.connect_h2({.answer_pings = false});
    dialer.address = other_address;
    auto& third = dialer.connect_h2();
    burst.clear();
    loop.advance(1s);

    near_of_first->path_report = unacknowledged;
    std::vector<Acquired> held;
    while (first.requests().empty() || first.requests().rbegin()->first == 1) {
        held.push_back(take());
        send(held.back());
    }
    for (auto& [id, request] : second.requests()) second.reply(id, "204", "");
    for (auto& [id, request] : third.requests()) third.reply(id, "204", "");
    loop.run();
    loop.advance(500ms);
    EXPECT_EQ(doubts(), 1U);
    EXPECT_EQ(second.pings(), 1U);  // at the same address
    EXPECT_EQ(third.pings(), 0U);   // elsewhere
    const auto before = third.requests().size();
    held.push_back(take());
    send(held.back());
    EXPECT_EQ(third.requests().size(), before + 1);  // the only one that may be given out
    EXPECT_EQ(pool->counts().sessions, 3U);
    second.answer_ping();
    loop.run();
    const auto seen = second.requests().size();
    held.push_back(take());
    send(held.back());
    EXPECT_EQ(second.requests().size(), seen + 1);
    EXPECT_EQ(doubts(), 1U);
}

TEST_F(DeadPathTest, IdleHttp11SiblingsComeBackWhenTcpAnswers) {
    make(plain_origin);
    auto& one = ask();
    auto& two = ask();
    auto& silent = dialer.connect_h1();
    auto* const near_of_silent = dialer.near;
    dialer.connect_h1();
    auto* const near_of_sibling = dialer.near;
    two.release();
    loop.run();
    near_of_silent->path_report = unacknowledged;
    near_of_sibling->path_report = acknowledged;
    silent.expect_head("GET /");
    send(one.acquired());
    loop.advance(500ms);
    EXPECT_EQ(doubts(), 1U);
    EXPECT_TRUE(near_of_sibling->is_probing());
    EXPECT_FALSE(has_warm_session());
    loop.advance(1500ms);
    EXPECT_TRUE(has_warm_session());
    EXPECT_EQ(doubts(), 1U);
}

TEST_F(DeadPathTest, IdleHttp11SiblingsOnTheSameDeadPathAreDoubtedToo) {
    make(plain_origin);
    auto& one = ask();
    auto& two = ask();
    auto& silent = dialer.connect_h1();
    dialer.near->path_report = unacknowledged;
    dialer.connect_h1();
    dialer.near->path_report = without_sign;
    two.release();
    loop.run();
    silent.expect_head("GET /");
    send(one.acquired());
    loop.advance(2s);
    EXPECT_EQ(doubts(), 2U);
    EXPECT_EQ(dialer.waiting(), 2U);
}

TEST_F(DeadPathTest, WhoWaitsBehindASilentSessionIsDialledFor) {
    limits.upkeep.max_sessions = 1;
    warm_h2(1);
    dialer.near->path_report = unacknowledged;
    auto held = take();
    send(held);
    auto& waiter = ask();
    EXPECT_EQ(dialer.waiting(), 0U);  // there is no room
    loop.advance(500ms);
    EXPECT_GE(dialer.waiting(), 1U);  // what is in doubt takes none
    dialer.connect_h2();
    EXPECT_TRUE(waiter.has_stream());
}

TEST_F(DeadPathTest, WhoWaitsForADialThatFailsIsNotLeftToASilentSession) {
    limits.keep_warm = 0s;
    warm_h2(1);
    dialer.near->path_report = unacknowledged;
    auto held = take();
    send(held);
    loop.advance(500ms);
    auto& waiter = ask();
    for (int i = 0; i < 40 && !waiter.is_over(); ++i) {
        if (dialer.waiting() > 0) dialer.fail({Errc::connect_timed_out, Side::origin});
        loop.advance(100ms);
    }
    ASSERT_TRUE(waiter.is_over());
    EXPECT_EQ(waiter.failure().code, Errc::connect_timed_out);
}

TEST_F(DeadPathTest, SilentSessionsAreNoDemand) {
    make(plain_origin);
    for (int i = 0; i < 5; ++i) ask();
    while (dialer.waiting() > 0) {
        dialer.connect_h1();
        dialer.near->path_report = without_sign;
    }
    auto& held = asking.front();
    for (std::size_t i = 1; i < 5; ++i) asking[i].release();
    loop.run();
    send(held.acquired());
    loop.advance(4s);
    EXPECT_EQ(doubts(), 5U);
    while (dialer.waiting() > 0) dialer.connect_h1();
    auto another = take();
    EXPECT_EQ(pool->status().recent_peak, 5U);
}

}  // namespace
}  // namespace nikawa::pool
