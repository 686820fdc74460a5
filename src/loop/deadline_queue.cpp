#include "nikawa/loop/deadline_queue.hpp"

namespace nikawa::loop {

void DeadlineQueue::advance_to(TimePoint now) {
    while (!heap_.empty() && heap_.front()->queued_at_ <= now) {
        Watchdog& first = *heap_.front();
        remove(first);
        if (first.deadline_.is_none()) continue;
        if (first.deadline_.at() > now) {
            put(first);
            continue;
        }
        first.deadline_ = Deadline::none();
        first.owner_.expire();  // may arm, disarm or destroy any watchdog, this one too
    }
}

Deadline DeadlineQueue::next() const {
    return heap_.empty() ? Deadline::none() : Deadline{heap_.front()->queued_at_};
}

void DeadlineQueue::put(Watchdog& watchdog) {
    watchdog.queued_at_ = watchdog.deadline_.at();
    heap_.push_back(&watchdog);
    watchdog.position_ = heap_.size() - 1;
    sift_up(watchdog.position_);
}

void DeadlineQueue::remove(Watchdog& watchdog) {
    const auto at = watchdog.position_;
    Watchdog* const last = heap_.back();
    heap_.pop_back();
    watchdog.position_ = Watchdog::not_queued;
    if (last == &watchdog) return;
    place(at, last);
    sift_up(at);
    sift_down(last->position_);
}

void DeadlineQueue::place(std::size_t at, Watchdog* watchdog) {
    heap_[at] = watchdog;
    watchdog->position_ = at;
}

void DeadlineQueue::sift_up(std::size_t at) {
    Watchdog* const moving = heap_[at];
    while (at > 0) {
        const auto parent = (at - 1) / 2;
        if (heap_[parent]->queued_at_ <= moving->queued_at_) break;
        place(at, heap_[parent]);
        at = parent;
    }
    place(at, moving);
}

void DeadlineQueue::sift_down(std::size_t at) {
    Watchdog* const moving = heap_[at];
    for (;;) {
        auto child = 2 * at + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1]->queued_at_ < heap_[child]->queued_at_) {
            ++child;
        }
        if (moving->queued_at_ <= heap_[child]->queued_at_) break;
        place(at, heap_[child]);
        at = child;
    }
    place(at, moving);
}

Watchdog::~Watchdog() {
    if (position_ != not_queued) queue_.remove(*this);
}

void Watchdog::arm(Deadline deadline) {
    deadline_ = deadline;
    if (deadline.is_none()) return;
    if (position_ != not_queued) {
        if (queued_at_ <= deadline.at()) return;
        queue_.remove(*this);
    }
    queue_.put(*this);
}

}  // namespace nikawa::loop
