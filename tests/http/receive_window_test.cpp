#include "nikawa/http/receive_window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "nikawa/http/received_body.hpp"

namespace nikawa::http {
namespace {

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;

// Of a holder who has taken so much, in pieces, while keeping up.
constexpr std::size_t window_after(ReceiveWindow window, std::size_t taken, std::size_t piece) {
    for (std::size_t sum = 0; sum < taken; sum += piece) window.grow(std::min(piece, taken - sum));
    return window.bytes();
}

constexpr ReceiveWindow usual{1 * MiB, 8 * MiB};
static_assert(window_after(usual, 0, 16 * KiB) == 1 * MiB);
static_assert(window_after(usual, 1 * MiB / 5 - 1, 16 * KiB) == 1 * MiB);
static_assert(window_after(usual, 1 * MiB / 5, 16 * KiB) == 2 * MiB);
static_assert(window_after(usual, 2 * MiB / 5, 16 * KiB) == 4 * MiB);
static_assert(window_after(usual, 4 * MiB / 5, 16 * KiB) == 8 * MiB);
static_assert(window_after(usual, 50 * MiB, 16 * KiB) == 8 * MiB);
static_assert(window_after({1 * MiB, 3 * MiB}, 50 * MiB, 16 * KiB) == 3 * MiB);
static_assert(window_after({1 * MiB, 100 * KiB}, 50 * MiB, 16 * KiB) == 100 * KiB);
static_assert(window_after({0, 0}, 50 * MiB, 16 * KiB) == 0);

TEST(ReceiveWindow, BeginsAnewWithAStream) {
    ReceiveWindow window = usual;
    EXPECT_TRUE(window.grow(5 * MiB));
    window.start();
    EXPECT_EQ(window.bytes(), 1 * MiB);
    EXPECT_FALSE(window.grow(200 * KiB));
}

// A sender in slow start, a path that delivers without loss and a holder who takes at once what
// arrives; time in milliseconds.
class Transfer {
public:
    Transfer(std::size_t round_trip, std::size_t bytes_per_ms, std::size_t first_flight)
        : rate_(bytes_per_ms),
          congestion_window_(first_flight),
          data_(round_trip / 2),
          updates_(round_trip - round_trip / 2) {}

    // Sends for so long; whether the receiver's window ever held the sender up.
    bool is_held_up(std::size_t time) {
        bool held_up = false;
        for (; time > 0; --time) {
            const auto update = updates_.front();
            updates_.pop_front();
            credit_ += update.credit;
            in_flight_ -= update.acknowledged;
            congestion_window_ += update.acknowledged;

            const auto wanted = std::min(rate_, congestion_window_ - in_flight_);
            const auto sent = std::min(wanted, credit_);
            held_up = held_up || sent < wanted;
            credit_ -= sent;
            in_flight_ += sent;
            data_.push_back(sent);

            const auto arrived = data_.front();
            data_.pop_front();
            updates_.push_back({arrived, take(arrived)});
        }
        return held_up;
    }

private:
    struct Update {
        std::size_t acknowledged = 0;
        std::size_t credit = 0;
    };

    // What is given back: by nghttp2's rule, once it is half of the window.
    std::size_t take(std::size_t bytes) {
        std::size_t credit = 0;
        unreported_ += bytes;
        if (2 * unreported_ >= window_.bytes()) credit = std::exchange(unreported_, 0);
        const auto before = window_.bytes();
        if (bytes > 0) window_.grow(bytes);
        return credit + window_.bytes() - before;
    }

    ReceiveWindow window_ = usual;
    std::size_t rate_;
    std::size_t congestion_window_;
    std::size_t credit_ = window_.bytes();
    std::size_t in_flight_ = 0;
    std::size_t unreported_ = 0;
    std::deque<std::size_t> data_;
    std::deque<Update> updates_;
};

TEST(ReceiveWindow, NeverHoldsUpASenderInSlowStart) {
    for (const std::size_t round_trip : {2U, 26U, 100U, 200U, 300U}) {
        for (const std::size_t segments : {4U, 10U, 40U}) {
            SCOPED_TRACE(std::to_string(round_trip) + " ms, " + std::to_string(segments));
            constexpr std::size_t hundred_megabits = 12'500;
            Transfer transfer{round_trip, hundred_megabits, segments * 1460};
            EXPECT_FALSE(transfer.is_held_up(20'000));
        }
    }
}

// Blocks

TEST(WindowIncrement, FillsTheWindowOnceHalfOfItIsMissing) {
    const struct {
        std::size_t window;
        std::int64_t promised;
        std::size_t unread;
        std::size_t expected;
    } rows[] = {{100, 100, 0, 0},
                {100, 51, 0, 0},
                {100, 50, 0, 50},
                {100, 0, 0, 100},
                {100, 0, 51, 0},  // it has not been read
                {100, 20, 20, 60},
                {100, -200, 0, 300},  // SETTINGS took it away
                {100, 200, 0, 0},     // a window that was larger
                {100, 0, 200, 0},
                {1, 0, 0, 1},
                {1, 1, 0, 0}};
    for (const auto& row : rows) {
        SCOPED_TRACE(std::to_string(row.promised) + ", " + std::to_string(row.unread));
        EXPECT_EQ(window_increment(row.window, row.promised, row.unread), row.expected);
    }
}

TEST(ReceivedBody, GivesWhatCameInOrder) {
    ReceivedBody body;
    EXPECT_TRUE(body.is_empty());
    body.append("one");
    body.append("two");
    EXPECT_EQ(body.take(), "onetwo");
    EXPECT_TRUE(body.is_empty());
    body.append("three");  // does not touch what was taken
    EXPECT_EQ(body.drop_taken(), 6U);
    EXPECT_EQ(body.drop_taken(), 0U);
    EXPECT_EQ(body.take(), "three");
    body.clear();
    EXPECT_EQ(body.drop_taken(), 0U);
}

TEST(ReceivedBody, TakesLittleMoreMemoryThanItHolds) {
    for (const std::size_t piece : {1UL, 1000UL, 9000UL, 16'375UL, 16'384UL, 65'536UL, 100'000UL}) {
        SCOPED_TRACE(piece);
        ReceivedBody body;
        std::string all;
        std::size_t most = 0;
        const auto fill = [&] {
            while (all.size() + piece <= MiB) {  // what flow control lets come
                const std::string bytes(piece, static_cast<char>('a' + all.size() / piece % 26));
                body.append(bytes);
                all += bytes;
            }
            most = std::max(most, body.capacity());
        };
        fill();
        for (int i = 0; i < 100; ++i) {  // its reader is slow: something always waits
            const std::string block{body.take()};
            ASSERT_EQ(block, all.substr(0, block.size()));
            most = std::max(most, body.capacity());
            all.erase(0, body.drop_taken());
            fill();
        }
        EXPECT_LT(most, MiB + MiB / 2);
    }
}

TEST(ReceivedBody, OfOneReadAsItComesSwapsTwoBlocks) {
    ReceivedBody body;
    const std::string piece(16 * KiB, 'x');
    std::size_t memory = 0;
    for (int i = 0; i < 100; ++i) {
        body.append(piece);
        ASSERT_EQ(body.take().size(), piece.size());
        if (i == 2) memory = body.capacity();
    }
    EXPECT_EQ(body.capacity(), memory);
    body.clear();
    EXPECT_LE(body.capacity(), 8 * KiB);
}

}  // namespace
}  // namespace nikawa::http
