#include "nikawa/net/event_loop.hpp"

#include <thread>

#include "net/io_test.hpp"
#include "net/wait_limit.hpp"

namespace nikawa::net {
namespace {

using EventLoopTest = IoTest;

Task<bool> wait_until(loop::Loop& loop, Deadline deadline) {
    loop::Event never{loop};
    const WaitLimit limit{loop, never, deadline};
    co_await never.wait();
    co_return limit.has_expired();
}

Task<void> wait_then_stop(EventLoop& event_loop, loop::Event& event) {
    co_await event.wait();
    event_loop.stop();
}

TEST_F(EventLoopTest, ExpiresDeadlinesInTheirOrder) {
    const auto now = std::chrono::steady_clock::now();
    Pending<bool> later{loop, wait_until(loop, Deadline{now + 40ms})};
    settle();
    Pending<bool> sooner{loop, wait_until(loop, Deadline{now + 20ms})};
    run_until([&] { return sooner.is_done(); });
    EXPECT_FALSE(later.is_done());
    run_until([&] { return later.is_done(); });
    EXPECT_GE(std::chrono::steady_clock::now(), now + 40ms);
}

TEST_F(EventLoopTest, RunsWhatAnotherThreadPostsAndTheTurnThatFollows) {
    loop::Event event{loop};
    loop.spawn(wait_then_stop(event_loop, event));
    std::thread other{[&] { event_loop.post([&] { event.notify(); }); }};
    event_loop.run();
    other.join();
    EXPECT_EQ(loop.task_count(), 0u);
}

TEST_F(EventLoopTest, StopsBeforeItHasStartedAndRunsAgain) {
    event_loop.stop();
    event_loop.run();
    event_loop.post([&] { event_loop.stop(); });
    event_loop.run();
}

TEST_F(EventLoopTest, HonoursADeadlineArmedByPostedWork) {
    struct Stop final : loop::Expirable {
        explicit Stop(EventLoop& event_loop) : io(event_loop) {}
        void expire() noexcept override { io.stop(); }
        EventLoop& io;
    } stop{event_loop};
    loop::Watchdog watchdog{loop.deadlines(), stop};
    event_loop.post([&] { watchdog.arm(Deadline{loop.now() + 1ms}); });
    event_loop.run();
}

TEST_F(EventLoopTest, ServesAWholeBatchInOneTurn) {
    constexpr std::size_t connections = 10;
    std::vector<std::unique_ptr<TcpStream>> ours;
    std::vector<UniqueFd> theirs;
    std::vector<std::unique_ptr<Pending<std::string>>> reads;
    for (std::size_t i = 0; i < connections; ++i) {
        auto [our_fd, their_fd] = connected_pair();
        ours.push_back(std::make_unique<TcpStream>(event_loop, std::move(our_fd)));
        theirs.push_back(std::move(their_fd));
        reads.push_back(std::make_unique<Pending<std::string>>(loop, receive(*ours[i], 1)));
    }
    settle();
    for (const auto& fd : theirs) ASSERT_EQ(::send(fd.get(), "x", 1, 0), 1);
    event_loop.io().run_one_for(10s);
    for (const auto& read : reads) EXPECT_TRUE(read->is_done());
}

Task<void> never_rest(loop::Loop& loop, const bool& ended) {
    while (!ended) co_await loop.yield();
}

TEST_F(EventLoopTest, WhatNeverRestsKeepsNothingFromOthers) {
    bool ended = false;
    loop.spawn(never_rest(loop, ended));
    auto [our_fd, their_fd] = connected_pair();
    TcpStream ours{event_loop, std::move(our_fd)};
    Pending<std::string> read{loop, receive(ours, 1)};
    Pending<bool> waiting{loop, wait_until(loop, Deadline{loop.now() + 20ms})};
    event_loop.post([&, fd = their_fd.get()] { ASSERT_EQ(::send(fd, "x", 1, 0), 1); });
    run_until([&] { return read.is_done() && waiting.is_done(); });
    EXPECT_TRUE(loop.has_work());
    ended = true;
    run_until([&] { return loop.task_count() == 0; });
}

}  // namespace
}  // namespace nikawa::net
