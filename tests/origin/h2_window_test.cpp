#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "origin/h2_fixture.hpp"

namespace nikawa::origin {
namespace {

constexpr std::size_t MiB = 1024 * 1024;
const std::size_t first_window = H2Limits{}.first_stream_window;

TEST_F(H2SessionTest, ASlowReaderHoldsOneWindowAndNotItsSiblings) {
    H2Limits small_window;
    small_window.stream_window = 100'000;
    connect({}, small_window);
    auto slow = get("/slow");
    auto quick = get("/quick");
    const std::string large(1'000'000, 's');
    origin->send_head(1, {{":status", "200"}}, false);
    origin->send_body(1, large, true);
    loop.run();
    EXPECT_EQ(origin->held_back(), 900'000U);
    for (std::int32_t id = 3; id < 60; id += 2) {
        origin->reply(id, "200", std::string(50'000, 'q'));
        loop.run();
        ASSERT_EQ(status_of(quick), 200U);
        ASSERT_EQ(loop.result_of(read_body(*quick))->size(), 50'000U);
        quick = get("/quick");
    }
    ASSERT_EQ(status_of(slow), 200U);
    EXPECT_EQ(*loop.result_of(read_body(*slow)), large);  // and nothing of it was lost
}

TEST_F(H2SessionTest, ASlowReadersWindowStaysSmall) {
    connect();
    auto slow = get("/slow");
    const std::string large(4 * MiB, 's');
    origin->send_head(1, {{":status", "200"}}, false);
    origin->send_body(1, large, true);
    loop.run();
    ASSERT_EQ(status_of(slow), 200U);
    std::size_t taken = 0;
    while (taken < large.size()) {  // all that may come is there before each piece is asked for
        const auto sent = large.size() - origin->held_back();
        ASSERT_LE(sent - taken, first_window);
        const auto piece = loop.result_of(slow->receive_body());
        ASSERT_TRUE(piece);
        taken += piece->size();
        ASSERT_EQ(slow->was_last_piece(), taken == large.size());
    }
}

TEST_F(H2SessionTest, WhoKeepsUpIsGivenALargerWindowAndTheNextBeginsAnew) {
    connect();
    for (const std::int32_t id : {1, 3}) {
        SCOPED_TRACE(id);
        auto lease = get("/quick");
        origin->send_head(id, {{":status", "200"}}, false);
        loop.run();
        ASSERT_EQ(status_of(lease), 200U);
        const std::string some(10'000, 'q');
        for (std::size_t taken = 0; taken < 2 * MiB; taken += some.size()) {
            const auto piece = loop.start(lease->receive_body());
            origin->send_body(id, some, false);
            loop.run();
            ASSERT_TRUE(piece.done());
            ASSERT_EQ(piece.value()->size(), some.size());
        }
        const auto last = loop.start(lease->receive_body());
        const auto before = origin->held_back();
        origin->send_body(id, std::string(10 * MiB, 'l'), false);
        loop.run();
        const auto came = 10 * MiB - (origin->held_back() - before);
        EXPECT_GT(came, 4 * MiB);  // all but what was taken and is not given back yet
        EXPECT_LE(came, 8 * MiB);
    }
    auto next = get("/next");
    const auto before = origin->held_back();
    origin->send_head(5, {{":status", "200"}}, false);
    origin->send_body(5, std::string(2 * MiB, 'n'), true);
    loop.run();
    EXPECT_EQ(origin->held_back() - before, 2 * MiB - first_window);
}

}  // namespace
}  // namespace nikawa::origin
