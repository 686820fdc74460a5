#pragma once

#include <optional>

#include "nikawa/loop/loop.hpp"
#include "nikawa/pool/origin_pool.hpp"

namespace nikawa::proxy {

/// The next response head of a stream, however often its path is in doubt.
inline Task<Result<http::ResponseHead*>> receive_head_despite_doubt(origin::OriginStream& stream) {
    for (;;) {
        auto head = co_await stream.receive_head();
        if (head || head.error().code != Errc::path_in_doubt) co_return head;
    }
}

/// Told when a doubted attempt has its answer after all.
class DoubtedListener {
public:
    virtual void doubted_answered() noexcept = 0;

protected:
    ~DoubtedListener() = default;
};

/// The first attempt of an exchange whose session has gone silent, while the request is repeated on
/// another: the first answer wins. Destroyed only after `join()`.
class DoubtedAttempt {
public:
    DoubtedAttempt(loop::Loop& loop, pool::Acquired stream, DoubtedListener& listener)
        : loop_(loop), stream_(std::move(stream)), listener_(listener), ended_(loop) {}

    /// Starts to wait for its response.
    void start() { loop_.spawn(receive()); }

    /// Gives it up, if it still waits: then it has no answer, even if one comes in this turn.
    void abandon(const Failure& why) noexcept {
        if (outcome_) return;
        given_up_ = why;
        stream_.lease->abandon(why);
    }

    /// Suspends until it waits no more.
    Task<void> join() {
        while (!outcome_) co_await ended_.wait();
    }

    /// Whether its response has begun.
    [[nodiscard]] bool has_answer() const { return outcome_ && outcome_->has_value(); }

    /// The head that came first, and the stream it lives in.
    [[nodiscard]] http::ResponseHead* head() const { return **outcome_; }
    [[nodiscard]] pool::Acquired take_stream() { return std::move(stream_); }

private:
    Task<void> receive() {
        auto head = co_await receive_head_despite_doubt(*stream_.lease);
        if (given_up_) head = *given_up_;
        outcome_.emplace(head);
        ended_.notify();
        if (head) listener_.doubted_answered();
    }

    loop::Loop& loop_;
    pool::Acquired stream_;
    DoubtedListener& listener_;
    std::optional<Failure> given_up_;
    std::optional<Result<http::ResponseHead*>> outcome_;
    loop::Event ended_;
};

}  // namespace nikawa::proxy
