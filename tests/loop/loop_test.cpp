#include "nikawa/loop/loop.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nikawa::loop {
namespace {

using namespace std::chrono_literals;

Task<int> ready_value(int value) { co_return value; }

Task<void> sum_of_ready(int count, int& sum) {
    for (int i = 0; i < count; ++i) sum += co_await ready_value(1);
}

Task<void> wait_and_note(Event& event, std::string name, std::vector<std::string>& notes) {
    co_await event.wait();
    notes.push_back(std::move(name));
}

Task<void> outer(Event& event, std::vector<std::string>& notes) {
    co_await wait_and_note(event, "inner", notes);
    notes.emplace_back("outer");
}

TEST(Task, AMillionThatNeverSuspendUseNoStackAndNoTurn) {
    Loop loop;
    int sum = 0;
    loop.spawn(sum_of_ready(1'000'000, sum));
    loop.run_turn();
    EXPECT_EQ(sum, 1'000'000);
    EXPECT_EQ(loop.task_count(), 0U);
}

TEST(Task, ResumesItsAwaiterWhenItEnds) {
    Loop loop;
    Event event{loop};
    std::vector<std::string> notes;
    loop.spawn(outer(event, notes));
    loop.run_turn();
    EXPECT_TRUE(event.has_waiter());
    event.notify();
    EXPECT_TRUE(notes.empty()) << "notify() must not resume inside the call";
    loop.run_turn();
    EXPECT_EQ(notes, (std::vector<std::string>{"inner", "outer"}));
}

TEST(Event, RemembersOneNotification) {
    Loop loop;
    Event event{loop};
    std::vector<std::string> notes;
    event.notify();
    event.notify();
    loop.spawn(wait_and_note(event, "first", notes));
    loop.spawn(wait_and_note(event, "second", notes));
    loop.run_turn();
    EXPECT_EQ(notes, (std::vector<std::string>{"first"}));
    event.notify();
    loop.run_turn();
    EXPECT_EQ(notes.size(), 2U);
}

TEST(Event, ResetForgets) {
    Loop loop;
    Event event{loop};
    std::vector<std::string> notes;
    event.notify();
    event.reset();
    loop.spawn(wait_and_note(event, "x", notes));
    loop.run_turn();
    EXPECT_TRUE(notes.empty());
    event.notify();
    loop.run_turn();
}

struct Flush final : TurnFlush {
    Flush(Loop& loop, std::vector<std::string>& written) : TurnFlush(loop), notes(written) {}
    void flush() noexcept override {
        notes.emplace_back("flush");
        if (wakes != nullptr) std::exchange(wakes, nullptr)->notify();
    }
    std::vector<std::string>& notes;
    Event* wakes = nullptr;
};

Task<void> dirty_twice(Flush& flush, std::vector<std::string>& notes) {
    flush.mark_dirty();
    flush.mark_dirty();
    notes.emplace_back("dirty");
    co_return;
}

TEST(TurnFlush, RunsOnceAfterEverythingThatIsReady) {
    Loop loop;
    std::vector<std::string> notes;
    Flush flush{loop, notes};
    loop.spawn(dirty_twice(flush, notes));
    loop.spawn(dirty_twice(flush, notes));
    loop.run_turn();
    EXPECT_EQ(notes, (std::vector<std::string>{"dirty", "dirty", "flush"}));
}

TEST(TurnFlush, WhatItWakesRunsInTheSameTurn) {
    Loop loop;
    std::vector<std::string> notes;
    Event event{loop};
    Flush flush{loop, notes};
    flush.wakes = &event;
    loop.spawn(wait_and_note(event, "woken", notes));
    flush.mark_dirty();
    loop.run_turn();
    EXPECT_EQ(notes, (std::vector<std::string>{"flush", "woken"}));
}

TEST(TurnFlush, MayGoWhileItIsDirty) {
    Loop loop;
    std::vector<std::string> notes;
    {
        Flush flush{loop, notes};
        flush.mark_dirty();
    }
    loop.run_turn();
    EXPECT_TRUE(notes.empty());
}

Task<void> note_around_yield(Loop& loop, std::string name, std::vector<std::string>& notes) {
    notes.push_back(name + "1");
    co_await loop.yield();
    notes.push_back(name + "2");
}

TEST(Loop, YieldLetsOthersGoFirst) {
    Loop loop;
    std::vector<std::string> notes;
    loop.spawn(note_around_yield(loop, "a", notes));
    loop.spawn(note_around_yield(loop, "b", notes));
    loop.run_turn();
    EXPECT_EQ(notes, (std::vector<std::string>{"a1", "b1", "a2", "b2"}));
}

TEST(Loop, WakesItsDriverOnceForEachTurn) {
    Loop loop;
    int wakes = 0;
    loop.on_wake([&] { ++wakes; });
    std::vector<std::string> notes;
    loop.spawn(note_around_yield(loop, "a", notes));
    loop.spawn(note_around_yield(loop, "b", notes));
    EXPECT_EQ(wakes, 1);
    loop.run_turn();
    EXPECT_EQ(wakes, 1);
    loop.spawn(note_around_yield(loop, "c", notes));
    EXPECT_EQ(wakes, 2);
    loop.run_turn();
}

Task<void> yield_until(Loop& loop, const bool& ended, std::size_t& rounds) {
    while (!ended) {
        ++rounds;
        co_await loop.yield();
    }
}

TEST(Loop, WhatNeverRestsIsLeftToTheNextTurn) {
    Loop loop;
    int wakes = 0;
    bool ended = false;
    std::size_t rounds = 0;
    std::vector<std::string> notes;
    Flush flush{loop, notes};
    loop.spawn(yield_until(loop, ended, rounds));
    loop.on_wake([&] { ++wakes; });
    flush.mark_dirty();
    wakes = 0;
    for (int turn = 1; turn <= 3; ++turn) {
        const auto before = rounds;
        loop.run_turn();
        EXPECT_TRUE(loop.has_work());
        EXPECT_EQ(wakes, turn);
        EXPECT_GT(rounds, before + 10);
    }
    EXPECT_EQ(notes, (std::vector<std::string>{"flush"}));  // it need not wait for the end
    ended = true;
    loop.run_turn();
    EXPECT_FALSE(loop.has_work());
    EXPECT_EQ(loop.task_count(), 0U);
    EXPECT_EQ(wakes, 3);
}

TEST(Loop, WhatIsLeftKeepsItsOrder) {
    Loop loop;
    bool ended = false;
    std::size_t rounds = 0;
    std::size_t others_rounds = 0;
    loop.spawn(yield_until(loop, ended, rounds));
    loop.spawn(yield_until(loop, ended, others_rounds));
    loop.run_turn();
    loop.run_turn();
    EXPECT_EQ(rounds, others_rounds);
    ended = true;
    loop.run_turn();
}

struct Restless final : TurnFlush {
    explicit Restless(Loop& loop) : TurnFlush(loop) {}
    void flush() noexcept override {
        ++flushes;
        if (!ended) mark_dirty();
    }
    std::size_t flushes = 0;
    bool ended = false;
};

TEST(TurnFlush, OneThatIsDirtyForEverDoesNotHoldUpTheTurn) {
    Loop loop;
    Restless restless{loop};
    restless.mark_dirty();
    loop.run_turn();
    EXPECT_TRUE(loop.has_work());
    EXPECT_GT(restless.flushes, 10U);
    restless.ended = true;
    loop.run_turn();
    EXPECT_FALSE(loop.has_work());
}

TEST(Loop, TellsWhenTheLastTaskHasEnded) {
    Loop loop;
    int told = 0;
    loop.on_last_task_end([&] { ++told; });
    Event event{loop};
    std::vector<std::string> notes;
    loop.spawn(wait_and_note(event, "x", notes));
    loop.run_turn();
    EXPECT_EQ(told, 0);
    event.notify();
    loop.run_turn();
    loop.run_turn();
    EXPECT_EQ(told, 1);
}

struct Waker final : Expirable {
    explicit Waker(Event& woken) : event(woken) {}
    void expire() noexcept override { event.notify(); }
    Event& event;
};

TEST(Loop, AdvancingRunsWhatADeadlineWakes) {
    Loop loop;
    loop.set_now(TimePoint{1h});
    Event event{loop};
    Waker waker{event};
    Watchdog watchdog{loop.deadlines(), waker};
    std::vector<std::string> notes;
    loop.spawn(wait_and_note(event, "late", notes));
    watchdog.arm(Deadline::after(loop.now(), 10s));
    loop.run_turn();
    loop.advance_to(TimePoint{1h} + 10s);
    EXPECT_EQ(notes, (std::vector<std::string>{"late"}));
}

}  // namespace
}  // namespace nikawa::loop
