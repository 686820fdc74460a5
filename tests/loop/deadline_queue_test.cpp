#include "nikawa/loop/deadline_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace nikawa::loop {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};

struct Watched final : Expirable {
    explicit Watched(DeadlineQueue& queue) : watchdog(queue, *this) {}
    void expire() noexcept override {
        ++expired;
        if (then) then();
    }
    int expired = 0;
    std::function<void()> then;
    Watchdog watchdog;
};

TEST(DeadlineQueue, ExpiresOnceAtItsTime) {
    DeadlineQueue queue;
    Watched watched{queue};
    watched.watchdog.arm(Deadline{start + 10s});
    queue.advance_to(start + 10s - 1ns);
    EXPECT_EQ(watched.expired, 0);
    queue.advance_to(start + 10s);
    queue.advance_to(start + 20s);
    EXPECT_EQ(watched.expired, 1);
    EXPECT_TRUE(watched.watchdog.deadline().is_none());
}

TEST(DeadlineQueue, TheLastArmingCounts) {
    DeadlineQueue queue;
    Watched later{queue};
    Watched earlier{queue};
    Watched never{queue};
    later.watchdog.arm(Deadline{start + 10s});
    later.watchdog.arm(Deadline{start + 30s});
    earlier.watchdog.arm(Deadline{start + 30s});
    earlier.watchdog.arm(Deadline{start + 10s});
    never.watchdog.arm(Deadline{start + 10s});
    never.watchdog.disarm();
    queue.advance_to(start + 10s);
    EXPECT_EQ(later.expired, 0);
    EXPECT_EQ(earlier.expired, 1);
    queue.advance_to(start + 30s);
    EXPECT_EQ(later.expired, 1);
    EXPECT_EQ(never.expired, 0);
}

TEST(DeadlineQueue, NextIsNeverLaterThanTheNextDeadline) {
    DeadlineQueue queue;
    EXPECT_TRUE(queue.next().is_none());
    Watched a{queue};
    Watched b{queue};
    a.watchdog.arm(Deadline{start + 10s});
    b.watchdog.arm(Deadline{start + 5s});
    EXPECT_EQ(queue.next().at(), start + 5s);
}

TEST(DeadlineQueue, ExpiryMayArmDisarmAndDestroyAnyOther) {
    DeadlineQueue queue;
    auto victim = std::make_unique<Watched>(queue);
    Watched disarmed{queue};
    Watched first{queue};
    victim->watchdog.arm(Deadline{start + 2s});
    disarmed.watchdog.arm(Deadline{start + 2s});
    first.watchdog.arm(Deadline{start + 1s});
    first.then = [&] {
        victim.reset();
        disarmed.watchdog.disarm();
        if (first.expired == 1) first.watchdog.arm(Deadline{start + 3s});
    };
    queue.advance_to(start + 5s);
    EXPECT_EQ(first.expired, 2);
    EXPECT_EQ(disarmed.expired, 0);
}

TEST(DeadlineQueue, KeepsTheOrderOfManyThatComeAndGo) {
    DeadlineQueue queue;
    std::mt19937 random{7};
    std::vector<std::unique_ptr<Watched>> all;
    std::vector<TimePoint> order;
    for (int i = 0; i < 500; ++i) {
        all.push_back(std::make_unique<Watched>(queue));
        Watched& watched = *all.back();
        const TimePoint due = start + std::chrono::milliseconds{random() % 10'000};
        watched.then = [&order, due] { order.push_back(due); };
        watched.watchdog.arm(Deadline{due + 1s});
        watched.watchdog.arm(Deadline{due});
    }
    for (std::size_t i = 0; i < all.size(); i += 3) all[i].reset();
    for (auto now = start; now <= start + 10s; now += 37ms) queue.advance_to(now);
    EXPECT_EQ(order.size(), 333U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

}  // namespace
}  // namespace nikawa::loop
