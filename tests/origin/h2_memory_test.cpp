#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "origin/h2_fixture.hpp"

namespace nikawa::origin {
namespace {

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;
const std::size_t first_window = H2Limits{}.first_stream_window;
const std::size_t short_window = H2Limits{}.short_window;

/// A session whose bodies are counted.
class H2MemoryTest : public H2SessionTest {
protected:
    /// `held` of the bytes are somebody else's.
    void connect_within(std::size_t bytes, std::size_t held = 0) {
        budget.emplace(bytes);
        budget->take(held);
        H2Limits counted;
        counted.memory = &*budget;
        connect({}, counted);
    }

    void TearDown() override {
        H2SessionTest::TearDown();
        session.reset();  // it gives back to the budget
    }

    /// A response to the next request that has begun, of that size, of which nobody reads the body.
    StreamLease begin(std::int32_t id, std::size_t bytes) {
        auto lease = get("/");
        origin->send_head(id, {{":status", "200"}}, false);
        origin->send_body(id, std::string(bytes, 'x'), true);
        loop.run();
        EXPECT_EQ(status_of(lease), 200U);
        return lease;
    }

    std::optional<MemoryBudget> budget;
};

TEST_F(H2MemoryTest, CountsWhatNobodyHasReadUntilTheStreamIsLetGo) {
    connect_within(0);
    auto lease = begin(1, 10 * MiB);
    EXPECT_GE(budget->held(), first_window);
    EXPECT_LE(budget->held(), first_window + 128 * KiB);
    lease.reset();
    loop.run();
    EXPECT_LE(budget->held(), 16 * KiB);
    session->close({Errc::pool_closed, Side::self});
    loop.run();
    session.reset();
    EXPECT_EQ(budget->held(), 0U);
}

TEST_F(H2MemoryTest, WindowsAreSmallWhileMemoryIsShortAndComeBack) {
    connect_within(2 * MiB);
    auto slow = begin(1, 3 * MiB);
    ASSERT_TRUE(budget->is_short());
    auto before = origin->held_back();
    auto later = begin(3, 3 * MiB);
    EXPECT_EQ(3 * MiB - (origin->held_back() - before), short_window);
    EXPECT_EQ(loop.result_of(read_body(*slow))->size(), 3 * MiB);
    EXPECT_EQ(loop.result_of(read_body(*later))->size(), 3 * MiB);
    slow.reset();
    later.reset();
    ASSERT_TRUE(budget->has_room());
    auto again = begin(5, 3 * MiB);
    EXPECT_EQ(origin->held_back(), 3 * MiB - first_window);
}

// RFC 9113 §6.9.2: what had been promised is taken away, and windows become negative.
TEST_F(H2MemoryTest, AReaderThatWaitsWhileItsWindowShrinksGoesOn) {
    connect_within(100 * MiB);
    auto reader = get("/");
    auto other = get("/other");
    origin->send_head(1, {{":status", "200"}}, false);
    origin->send_body(1, std::string(600'000, 'x'), false);  // less than half a window
    const auto body = loop.start(read_body(*reader));
    loop.run();
    ASSERT_EQ(status_of(reader), 200U);
    budget->take(60 * MiB);  // somebody else's
    origin->send_head(3, {{":status", "200"}}, false);
    loop.run();
    origin->send_body(1, std::string(5 * MiB, 'y'), true);
    loop.run();
    ASSERT_TRUE(body.done());
    EXPECT_EQ(body.value()->size(), 600'000 + 5 * MiB);
    EXPECT_EQ(origin->held_back(), 0U);

    auto before = origin->held_back();
    origin->send_body(3, std::string(5 * MiB, 'z'), true);
    loop.run();
    EXPECT_EQ(5 * MiB - (origin->held_back() - before), short_window);
    budget->give_back(60 * MiB);
    ASSERT_EQ(status_of(other), 200U);
    EXPECT_EQ(loop.result_of(read_body(*other))->size(), 5 * MiB);
}

TEST_F(H2MemoryTest, ASessionMadeWhileMemoryIsShortBeginsWithSmallWindows) {
    connect_within(MiB, 600 * KiB);
    auto lease = begin(1, MiB);
    EXPECT_EQ(origin->held_back(), MiB - short_window);
    budget->give_back(600 * KiB);
    EXPECT_EQ(loop.result_of(read_body(*lease))->size(), MiB);
}

TEST(MemoryBudget, TellsHowMuchRoomThereIs) {
    MemoryBudget budget{100};
    const struct {
        std::size_t held;
        bool has_room, is_short, is_full;
    } rows[] = {{0, true, false, false},
                {24, true, false, false},
                {25, false, false, false},
                {50, false, false, false},
                {51, false, true, false},
                {99, false, true, false},
                {100, false, true, true},
                {200, false, true, true}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.held);
        BudgetShare share{&budget};
        share.set(1);
        share.set(row.held);
        EXPECT_EQ(budget.held(), row.held);
        EXPECT_EQ(budget.has_room(), row.has_room);
        EXPECT_EQ(budget.is_short(), row.is_short);
        EXPECT_EQ(budget.is_full(), row.is_full);
    }
    EXPECT_EQ(budget.held(), 0U);
    MemoryBudget no_limit{0};
    no_limit.take(MiB);
    EXPECT_TRUE(no_limit.has_room());
    EXPECT_FALSE(no_limit.is_short() || no_limit.is_full());
    no_limit.give_back(MiB);
}

}  // namespace
}  // namespace nikawa::origin
