// What a pool tells of itself, and what it takes over from another life; early data.

#include "pool/pool_test.hpp"

namespace nikawa::pool {
namespace {

using namespace std::chrono_literals;

using PoolStatusTest = EvergreenPoolTest;

// Each event as a line.
class Listened final : public PoolListener {
public:
    void dialled(const http::Origin& origin,
                 DialReason reason,
                 const net::IpAddress& address,
                 const net::DialTimes& times) noexcept override {
        note(origin, "dialled", reason);
        events.back() += " " + address.to_string();
        connect = times.connect;
    }
    void dial_failed(const http::Origin& origin,
                     DialReason reason,
                     const net::DialFailure& why,
                     Duration took) noexcept override {
        note(origin, "failed", reason);
        events.back() += " " + describe(why);
        last = took;
    }
    void session_ended(const http::Origin& origin,
                       DialReason why,
                       const net::IpAddress& address,
                       Duration age,
                       std::size_t exchanges) noexcept override {
        note(origin, "ended", why);
        events.back() += " " + address.to_string() + " " + std::to_string(exchanges);
        last = age;
    }

    std::vector<std::string> events;
    Duration connect{};
    Duration last{};  // what the last event says of time

private:
    void note(const http::Origin& origin, std::string_view what, DialReason reason) {
        events.push_back(origin.host + " " + std::string{what} + " " +
                         std::string{name_of(reason)});
    }
};

class PoolListenerTest : public EvergreenPoolTest {
protected:
    PoolListenerTest() { limits.listener = &listener; }

    Listened listener;
};

TEST_F(PoolListenerTest, IsToldWhatBecomesOfSessions) {
    auto& origin = warm_h1();
    const auto at = " " + dialer.address.to_string();
    ASSERT_EQ(listener.events, (std::vector{"api.example.com dialled first_use" + at}));
    EXPECT_EQ(listener.connect, dialer.times.connect);

    loop.advance(3s);
    auto acquired = take();
    exchange(origin, acquired);
    origin.close();
    loop.run();
    EXPECT_EQ(listener.events.at(1), "api.example.com ended origin_closed" + at + " 2");
    EXPECT_EQ(listener.last, 3s);
    loop.advance(250ms);
    dialer.fail({Errc::connect_failed, Side::origin});
    EXPECT_EQ(
        listener.events.at(2),
        "api.example.com failed origin_closed " + describe({Errc::connect_failed, Side::origin}));
    EXPECT_EQ(listener.last, 250ms);
    EXPECT_EQ(listener.events.size(), 3U);
}

TEST_F(PoolListenerTest, IsToldOfNoFailureThatIsOurOwnEnd) {
    make(plain_origin);
    auto& waiter = ask();
    pool->close();
    dialer.fail({Errc::tls_failed, Side::origin});
    EXPECT_TRUE(waiter.is_over());
    EXPECT_EQ(listener.events, std::vector<std::string>{});
}

TEST_F(PoolStatusTest, CountsWhatHappened) {
    auto& origin = warm_h1();
    loop.advance(1s);
    for (int i = 0; i < 3; ++i) {
        auto acquired = take();
        exchange(origin, acquired);
    }
    auto held = take();
    auto& waiter = ask();
    dialer.fail({Errc::connect_failed, Side::origin});
    EXPECT_TRUE(pool->try_retry(Errc::peer_closed, RetryCost::counted));
    exchange(origin, held);
    ASSERT_TRUE(waiter.has_stream());

    const auto status = pool->status();
    EXPECT_EQ(status.origin, plain_origin);
    EXPECT_EQ(status.protocol, net::Protocol::http_1_1);
    EXPECT_EQ(status.counters.exchanges, 6U);
    EXPECT_EQ(status.counters.warm, 4U);
    EXPECT_EQ(status.counters.saved, 4 * 210ms);
    EXPECT_EQ(status.counters.failed_dials, 1U);
    EXPECT_EQ(status.counters.retries, (std::map<Errc, std::uint64_t>{{Errc::peer_closed, 1}}));
    EXPECT_EQ(dials_for(DialReason::first_use), 1U);
    EXPECT_EQ(dials_for(DialReason::peak_exceeded), 1U);
    EXPECT_EQ(waits_for(DialReason::first_use), 1U);
    EXPECT_EQ(waits_for(DialReason::peak_exceeded), 1U);
    EXPECT_EQ(status.sessions, 1U);
    EXPECT_EQ(status.streams, 1U);
    EXPECT_EQ(status.idle_sessions, 0U);
    EXPECT_EQ(status.recent_peak, 2U);
    EXPECT_TRUE(status.is_warm);
    EXPECT_EQ(status.round_trip, 100ms);
    EXPECT_EQ(status.dial_time, 210ms);
}

TEST_F(PoolStatusTest, CountersOfShardsAddUp) {
    OriginCounters one{.exchanges = 5, .warm = 4, .saved = 1s};
    one.dials[0] = 1;
    one.waited[2] = 1;
    one.retries[Errc::peer_closed] = 2;
    OriginCounters other{.exchanges = 7, .failed_dials = 1, .resumed_dials = 2, .doubts = 3};
    other.dials[0] = 2;
    other.retries[Errc::peer_closed] = 1;
    other.retries[Errc::stream_refused] = 1;
    other.retries_refused = 4;
    one += other;
    EXPECT_EQ(one.exchanges, 12U);
    EXPECT_EQ(one.warm, 4U);
    EXPECT_EQ(one.dials[0], 3U);
    EXPECT_EQ(one.waited[2], 1U);
    EXPECT_EQ(one.failed_dials, 1U);
    EXPECT_EQ(one.resumed_dials, 2U);
    EXPECT_EQ(one.doubts, 3U);
    EXPECT_EQ(one.saved, 1s);
    EXPECT_EQ(one.retries_refused, 4U);
    EXPECT_EQ(one.retries,
              (std::map<Errc, std::uint64_t>{{Errc::peer_closed, 3}, {Errc::stream_refused, 1}}));
}

// Another life

TEST_F(PoolStatusTest, RemembersWhatItLearned) {
    make(plain_origin);
    warm_up(3);
    loop.advance(10s);
    EXPECT_EQ(pool->remember(),
              (RememberedOrigin{.origin = plain_origin,
                                .protocol = net::Protocol::http_1_1,
                                .round_trip = 100ms,
                                .idle_limit = {},
                                .peak = 3,
                                .unused_for = 10s}));
}

TEST_F(PoolStatusTest, TakesUpWhatItLearnedInAnotherLife) {
    const RememberedOrigin remembered{.origin = secure_origin,
                                      .protocol = net::Protocol::http_1_1,
                                      .round_trip = 100ms,
                                      .idle_limit = 5s,
                                      .peak = 3,
                                      .unused_for = 10min};
    make(secure_origin).restore(remembered);
    EXPECT_TRUE(pool->is_warming());
    EXPECT_EQ(pool->remember(), remembered);
    loop.run();
    EXPECT_EQ(dialer.waiting(), 3U);
    EXPECT_EQ(dials_for(DialReason::at_start), 3U);
    dialer.connect_h1();
    dialer.connect_h1();
    EXPECT_TRUE(pool->is_warming());
    dialer.connect_h1();
    EXPECT_FALSE(pool->is_warming());
    auto acquired = take();
    EXPECT_EQ(acquired.cold, std::nullopt);
}

TEST_F(PoolStatusTest, ItIsWarmedWithinTheOperatorsLimits) {
    limits.upkeep.max_sessions = 2;
    const RememberedOrigin remembered{.origin = plain_origin,
                                      .protocol = {},
                                      .round_trip = {},
                                      .idle_limit = {},
                                      .peak = 5,
                                      .unused_for = 0s};
    make(plain_origin).restore(remembered);
    loop.run();
    EXPECT_EQ(dialer.waiting(), 2U);
}

TEST_F(PoolStatusTest, WhatWasNotUsedForLongIsNotWarmed) {
    const RememberedOrigin remembered{.origin = secure_origin,
                                      .protocol = net::Protocol::http_2,
                                      .round_trip = 100ms,
                                      .idle_limit = {},
                                      .peak = 3,
                                      .unused_for = 1h};
    make(secure_origin).restore(remembered);
    loop.run();
    EXPECT_EQ(dialer.waiting(), 0U);
    EXPECT_EQ(pool->status().round_trip, 100ms);
}

// Early data

// A server's first frame, RFC 9113 §3.4.
constexpr std::string_view empty_settings{"\0\0\0\4\0\0\0\0\0", 9};

class EarlyDataTest : public EvergreenPoolTest {
protected:
    EarlyDataTest() { limits.early_data = true; }

    Asking& ask_to(Repeatable repeatable) {
        return asking.emplace_back(loop, *pool, Deadline::none(), repeatable);
    }
};

TEST_F(EarlyDataTest, OnlyAColdPoolDialsForIt) {
    make(secure_origin);
    ask_to(Repeatable::yes);
    EXPECT_EQ(dialer.last_mode, net::DialMode::early);
    auto& origin = dialer.connect_h2();
    exchange(origin, asking.back().acquired());
    origin.go_away(1);
    loop.run();
    EXPECT_EQ(dialer.last_mode, net::DialMode::plain);  // nobody waits
}

TEST_F(EarlyDataTest, NoneForWhatMayNotBeRepeated) {
    make(secure_origin);
    ask_to(Repeatable::no);
    EXPECT_EQ(dialer.last_mode, net::DialMode::plain);
}

TEST_F(EarlyDataTest, NoneWhenTheOperatorDoesNotWantIt) {
    limits.early_data = false;
    make(secure_origin);
    ask_to(Repeatable::yes);
    EXPECT_EQ(dialer.last_mode, net::DialMode::plain);
}

TEST_F(EarlyDataTest, AnUnconfirmedSessionServesOnlyWhatMayBeRepeated) {
    make(secure_origin);
    auto& first = ask_to(Repeatable::yes);
    auto& other = ask_to(Repeatable::no);
    auto& last = ask_to(Repeatable::yes);
    dialer.confirmed = false;
    auto& origin = dialer.connect_h2({.send_settings_first = false});
    ASSERT_TRUE(first.has_stream());
    EXPECT_TRUE(first.acquired().early);
    EXPECT_TRUE(last.has_stream());
    EXPECT_FALSE(other.is_over());
    EXPECT_FALSE(pool->try_acquire(Repeatable::yes).has_value());  // somebody waits
    EXPECT_EQ(dialer.waiting(), 0U);  // it is soon confirmed: that is waited for
    send(first.acquired());
    loop.advance(100ms);
    dialer.near->confirmed = true;
    origin.send_raw(empty_settings);
    loop.run();
    ASSERT_TRUE(other.has_stream());
    EXPECT_FALSE(other.acquired().early);
    EXPECT_EQ(pool->status().round_trip, 100ms);
    EXPECT_FALSE(take().early);
    EXPECT_EQ(dialer.dialled().size(), 1U);
}

TEST_F(EarlyDataTest, WhoWaitsForConfirmationIsDialledForWhenItFails) {
    make(secure_origin);
    auto& first = ask_to(Repeatable::yes);
    auto& other = ask_to(Repeatable::no);
    dialer.confirmed = false;
    auto& origin = dialer.connect_h2({.send_settings_first = false});
    ASSERT_TRUE(first.has_stream());
    dialer.confirmed = true;
    origin.close();
    loop.run();
    first.release();
    loop.run();
    ASSERT_GE(dialer.waiting(), 1U);
    dialer.connect_h2();
    EXPECT_TRUE(other.has_stream());
}

}  // namespace
}  // namespace nikawa::pool
