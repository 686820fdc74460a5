#include "nikawa/net/event_loop.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <chrono>

namespace nikawa::net {
namespace asio = boost::asio;
using asio::io_context;
using boost::system::error_code;

struct EventLoop::Asio {
    using Executor = io_context::executor_type;
    using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                             asio::wait_traits<std::chrono::steady_clock>,
                                             Executor>;

    explicit Asio(int poller_fd) : batch(io, poller_fd) {}
    ~Asio() { batch.release(); }  // the poller closes it

    io_context io{1};  // one thread runs it; posting from others stays safe
    Timer timer{io};
    asio::posix::basic_stream_descriptor<Executor> batch;
    asio::executor_work_guard<Executor> work = asio::make_work_guard(io);
};

EventLoop::EventLoop(loop::Loop& loop) : loop_(loop), asio_(std::make_unique<Asio>(poller_.fd())) {
    loop_.set_now(std::chrono::steady_clock::now());
    loop_.on_wake([this] {
        if (!turn_follows_) post([] {});
    });
    wait_for_batch();
}

EventLoop::~EventLoop() { loop_.on_wake(nullptr); }

io_context& EventLoop::io() noexcept { return asio_->io; }

void EventLoop::run() {
    post([] {});  // for what was made ready before
    asio_->io.run();
    asio_->io.restart();  // only now: a stop before the start is heard
}

void EventLoop::stop() { asio_->io.stop(); }

void EventLoop::post(std::function<void()> work) {
    asio::post(asio_->io, [this, work = std::move(work)] {
        prepare_turn();
        work();
        turn();
    });
}

void EventLoop::wait_for_batch() {
    asio_->batch.async_wait(asio::posix::descriptor_base::wait_read, [this](error_code error) {
        if (error) return;
        prepare_turn();
        poller_.dispatch();
        turn();
        wait_for_batch();
    });
}

void EventLoop::prepare_turn() {
    loop_.set_now(std::chrono::steady_clock::now());
    turn_follows_ = true;
}

void EventLoop::turn() {
    turn_follows_ = false;  // for what this one leaves
    loop_.run_turn();
    set_timer();
}

void EventLoop::set_timer() {
    const auto next = loop_.deadlines().next();
    if (next >= timer_set_to_) return;
    timer_set_to_ = next;
    asio_->timer.expires_at(next.at());
    asio_->timer.async_wait([this](error_code error) {
        if (error) return;
        timer_set_to_ = Deadline::none();
        prepare_turn();
        loop_.advance_to(loop_.now());
        turn();
    });
}

}  // namespace nikawa::net
