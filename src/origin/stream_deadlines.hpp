#pragma once

#include "nikawa/loop/loop.hpp"
#include "nikawa/origin/origin_stream.hpp"

namespace nikawa::origin {

/// Which of a stream's timeouts runs, by what its holder waits for; abandons the stream when it is
/// over.
class StreamDeadlines final : private loop::Expirable {
public:
    StreamDeadlines(loop::Loop& loop, OriginStream& stream)
        : loop_(loop), stream_(stream), watchdog_(loop.deadlines(), *this) {}

    /// Begins an exchange.
    void start(const StreamTimeouts& timeouts) {
        timeouts_ = timeouts;
        awaiting_ = sending_ = request_complete_ = head_given_ = false;
        watchdog_.disarm();
    }

    /// The holder begins or ends to wait for the origin to send, or to take, something.
    void set_awaiting(bool awaiting) {
        awaiting_ = awaiting;
        rearm();
    }
    void set_sending(bool sending) {
        sending_ = sending;
        rearm();
    }
    [[nodiscard]] bool is_sending() const { return sending_; }

    /// The origin has taken a part of what it is sent.
    void note_sent() {
        if (sending_ || awaiting_) rearm();
    }

    /// The whole request has been sent; an interim head, or the final one, has been given to the
    /// holder.
    void note_request_complete() {
        request_complete_ = true;
        head_due_since_ = loop_.now();
        rearm();
    }
    void note_interim_given() { head_due_since_ = loop_.now(); }
    void note_head_given() {
        head_given_ = true;
        rearm();
    }

    void stop() { watchdog_.disarm(); }

private:
    // A response head is due from when the request is complete, however often its holder begins to
    // wait for it: before that the request's sender sets the pace. Once it is there it is a pause
    // in both directions that counts; and none while the holder is busy with what it was given, for
    // an origin that cannot get rid of its response may well take no more of the request.
    void rearm() {
        if (head_given_) {
            if (!awaiting_) return watchdog_.disarm();
            arm(Errc::response_body_timed_out, loop_.now(), timeouts_.response_body);
        } else if (sending_) {
            arm(Errc::write_timed_out, loop_.now(), timeouts_.write);
        } else if (awaiting_ && request_complete_) {
            arm(Errc::response_head_timed_out, head_due_since_, timeouts_.response_head);
        } else {
            watchdog_.disarm();
        }
    }

    void arm(Errc overdue, TimePoint since, Duration limit) {
        overdue_ = overdue;
        watchdog_.arm(Deadline::after(since, limit));
    }

    void expire() noexcept override { stream_.abandon({overdue_, Side::origin}); }

    loop::Loop& loop_;
    OriginStream& stream_;
    StreamTimeouts timeouts_;
    bool awaiting_ = false;
    bool sending_ = false;
    bool request_complete_ = false;
    bool head_given_ = false;
    TimePoint head_due_since_{};
    Errc overdue_{};
    loop::Watchdog watchdog_;
};

}  // namespace nikawa::origin
