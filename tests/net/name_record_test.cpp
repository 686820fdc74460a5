#include "net/name_record.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace nikawa::net {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};
constexpr Failure failure{Errc::resolve_failed, Side::origin};

Addresses addresses(std::string_view last_octets) {
    Addresses all;
    for (const char digit : last_octets) {
        all.emplace_back(IpAddress::V4Octets{192, 0, 2, static_cast<std::uint8_t>(digit - '0')});
    }
    return all;
}

class NameRecordTest : public testing::Test {
protected:
    void answer(std::string_view last_octets, Duration life, TimePoint at) {
        record.begin_query(at);
        record.take_answer(addresses(last_octets), life, at);
    }

    void fail(TimePoint at) {
        record.begin_query(at);
        record.take_failure(failure, at);
    }

    [[nodiscard]] bool has_left(char last_octet) const {
        return record.has_left(addresses({&last_octet, 1}).front());
    }

    // What someone gets without waiting: the last octets, "failure", "ask" or "wait".
    [[nodiscard]] std::string told(TimePoint at) const {
        const auto reply = record.reply(at);
        if (!reply) return record.needs_query(at) ? "ask" : "wait";
        if (!*reply) return "failure";
        std::string last_octets;
        for (const IpAddress& address : **reply) {
            last_octets += static_cast<char>('0' + address.octets()[3]);
        }
        return last_octets;
    }

    NameRecord record{{.stale = 1h, .grace = 2min}};
};

TEST_F(NameRecordTest, ANameNeverAskedForIsAskedForAndWaitedFor) {
    EXPECT_EQ(told(start), "ask");
    EXPECT_LE(record.refresh_at(), start);
    record.begin_query(start);
    EXPECT_EQ(told(start + 1s), "wait");
    EXPECT_TRUE(record.patience(start + 1s).is_none());
}

TEST_F(NameRecordTest, AnAnswerServesUntilItExpires) {
    answer("12", 60s, start);
    EXPECT_EQ(told(start), "12");
    EXPECT_EQ(told(start + 59s), "12");
    EXPECT_FALSE(record.needs_query(start + 59s));
    EXPECT_EQ(told(start + 60s), "ask");
}

TEST_F(NameRecordTest, WhoWaitsForASilentServerHasTheOldAnswerAfterHalfASecond) {
    answer("1", 60s, start);
    record.begin_query(start + 70s);
    EXPECT_EQ(told(start + 70s), "wait");
    EXPECT_EQ(record.patience(start + 70s), Deadline{start + 70s + 500ms});
    EXPECT_EQ(told(start + 70s + 500ms), "1");
    EXPECT_TRUE(record.addresses_or(failure, start + 70s) == addresses("1"));
}

TEST_F(NameRecordTest, ARefreshThatWentUnansweredUntilTheExpiryHoldsNobodyUp) {
    answer("1", 60s, start);
    record.begin_query(start + 48s);
    EXPECT_EQ(told(start + 60s), "1");
}

TEST_F(NameRecordTest, WhileDnsFailsTheOldAnswerIsGivenAtOnceAndAskedForLessAndLessOften) {
    answer("1", 60s, start);
    fail(start + 70s);
    EXPECT_EQ(told(start + 70s), "1");
    EXPECT_FALSE(record.needs_query(start + 70s + 999ms));
    EXPECT_TRUE(record.needs_query(start + 71s));
    fail(start + 71s);
    EXPECT_FALSE(record.needs_query(start + 72s));
    EXPECT_TRUE(record.needs_query(start + 73s));
    EXPECT_EQ(told(start + 73s), "1");
}

TEST_F(NameRecordTest, AFailureOfLongAgoSaysNothingOfNow) {
    answer("1", 60s, start);
    fail(start + 70s);
    EXPECT_EQ(told(start + 70s + 59s), "1");
    EXPECT_EQ(told(start + 70s + 60s), "ask");
}

// RFC 8767 §4 bounds how old an answer may be.
TEST_F(NameRecordTest, AnOldAnswerServesNoLongerThanTheBound) {
    answer("1", 60s, start);
    fail(start + 60s + 1h - 1s);
    EXPECT_EQ(told(start + 60s + 1h - 1ms), "1");
    EXPECT_EQ(told(start + 60s + 1h), "ask");
    EXPECT_FALSE(record.addresses_or(failure, start + 60s + 1h));
    EXPECT_TRUE(record.is_spent(start + 60s + 1h));
}

TEST_F(NameRecordTest, ABoundOfZeroUsesNoOldAnswer) {
    record = NameRecord{{.stale = 0s, .grace = 2min}};
    answer("1", 60s, start);
    EXPECT_EQ(told(start + 60s), "ask");
    fail(start + 60s);
    EXPECT_EQ(told(start + 60s), "failure");
}

TEST_F(NameRecordTest, AFailureWithoutAnythingOlderIsRememberedForASecond) {
    fail(start);
    EXPECT_EQ(told(start + 999ms), "failure");
    EXPECT_FALSE(record.is_spent(start + 999ms));
    EXPECT_EQ(told(start + 1s), "ask");
    EXPECT_TRUE(record.is_spent(start + 1s));
    record.begin_query(start + 1s);
    EXPECT_FALSE(record.is_spent(start + 1s));
}

TEST_F(NameRecordTest, RefreshesBeforeTheAnswerExpires) {
    struct Row {
        Duration life;
        Duration refresh_after;
    };
    const Row rows[] = {{1s, 800ms}, {5s, 4s}, {60s, 48s}, {1h, 48min}};
    for (const Row& row : rows) {
        answer("1", row.life, start);
        EXPECT_EQ(record.refresh_at(), start + row.refresh_after);
    }
}

TEST_F(NameRecordTest, AFailedRefreshIsTriedAgainLessAndLessOften) {
    answer("1", 1h, start);
    auto now = start;
    const Duration waits[] = {1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s};
    for (const Duration wait : waits) {
        fail(now);
        EXPECT_EQ(record.refresh_at(), now + wait);
        now += wait;
    }
    answer("1", 60s, now);
    EXPECT_EQ(record.refresh_at(), now + 48s);
}

TEST_F(NameRecordTest, NeverAsksMoreOftenThanTwiceASecond) {
    record.begin_query(start);
    EXPECT_EQ(record.refresh_at(), start + 500ms);
    record.take_answer(addresses("1"), 1ms, start);
    EXPECT_EQ(record.refresh_at(), start + 500ms);
}

TEST_F(NameRecordTest, AnAddressLeavesWhenTheAnswersHaveLeftItOutForTheGraceTime) {
    answer("12", 30s, start);
    answer("1", 30s, start + 24s);
    answer("1", 30s, start + 48s);
    EXPECT_FALSE(has_left('2'));
    answer("1", 30s, start + 24s + 2min - 1ms);
    EXPECT_FALSE(has_left('2'));
    answer("1", 30s, start + 24s + 2min);
    EXPECT_TRUE(has_left('2'));
    EXPECT_FALSE(has_left('1'));
    answer("2", 30s, start + 5min);
    EXPECT_FALSE(has_left('2'));
}

TEST_F(NameRecordTest, OneAnswerWithoutAnAddressIsNotEnoughHoweverLateItComes) {
    answer("12", 1h, start);
    answer("1", 1h, start + 48min);
    EXPECT_FALSE(has_left('2'));
    EXPECT_EQ(record.refresh_at(), start + 50min);  // so that it need not wait for 48 minutes more
    answer("1", 1h, start + 50min);
    EXPECT_TRUE(has_left('2'));
    EXPECT_EQ(record.refresh_at(), start + 98min);
}

TEST_F(NameRecordTest, AddressesNamedByTurnsStay) {
    for (auto now = start; now < start + 10min; now += 48s) {
        answer("12", 60s, now);
        answer("34", 60s, now + 24s);
        for (const char address : {'1', '2', '3', '4'})
            EXPECT_FALSE(has_left(address) && now > start);
    }
}

TEST_F(NameRecordTest, WithAFailingServerNothingLeaves) {
    answer("12", 30s, start);
    answer("1", 30s, start + 24s);
    for (auto now = start + 48s; now < start + 1h; now += 30s) fail(now);
    EXPECT_FALSE(has_left('2'));
}

TEST_F(NameRecordTest, WhatWasNeverAnsweredHasNotLeft) {
    EXPECT_FALSE(has_left('7'));
    answer("1", 30s, start);
    answer("1", 30s, start + 1h);
    EXPECT_FALSE(has_left('7'));
}

TEST_F(NameRecordTest, RemembersALimitedNumberOfAddressesThatAreNamedNoMore) {
    const auto address = [](std::size_t i) {
        return IpAddress{IpAddress::V4Octets{
            10, 0, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i % 256)}};
    };
    record = NameRecord{{.stale = 1h, .grace = 0s}};
    constexpr auto count = NameRecord::max_sightings + 10;
    for (std::size_t i = 0; i < count; ++i) {
        const auto now = start + i * 1s;
        record.begin_query(now);
        record.take_answer({address(i)}, 1s, now);
    }
    EXPECT_FALSE(record.has_left(address(9)));
    EXPECT_TRUE(record.has_left(address(10)));
    EXPECT_TRUE(record.has_left(address(count - 2)));
    EXPECT_FALSE(record.has_left(address(count - 1)));
}

}  // namespace
}  // namespace nikawa::net
