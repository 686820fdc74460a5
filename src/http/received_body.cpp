#include "nikawa/http/received_body.hpp"

namespace nikawa::http {
namespace {

// What a block takes beside its own object.
std::size_t memory_of(const std::string& block) {
    static const std::size_t inside = std::string{}.capacity();
    return block.capacity() > inside ? block.capacity() : 0;
}

}  // namespace

void ReceivedBody::append(Bytes bytes) {
    std::string* last = more_.empty() ? &first_ : &more_.back();
    if (!last->empty() && last->size() + bytes.size() > block_bytes) last = &more_.emplace_back();
    const auto before = memory_of(*last);
    const bool would_double = last->size() + bytes.size() > last->capacity();
    if (would_double && 2 * last->capacity() > block_bytes) {
        std::string full;
        full.reserve(block_bytes);
        last->swap(full.append(*last));
    }
    last->append(bytes);
    unread_ += bytes.size();
    if (memory_of(*last) != before) hold(capacity_ - before + memory_of(*last));
}

Bytes ReceivedBody::take() {
    drop_taken();
    std::swap(taken_, first_);
    if (!more_.empty()) {
        hold(capacity_ - memory_of(first_));
        std::string{}.swap(first_);  // or its memory would go on to another block
        first_ = std::move(more_.front());
        more_.erase(more_.begin());  // as many as a window has: few
    }
    unread_ -= taken_.size();
    return taken_;
}

std::size_t ReceivedBody::drop_taken() {
    const auto bytes = taken_.size();
    taken_.clear();
    return bytes;
}

void ReceivedBody::clear() {
    more_.clear();
    more_.shrink_to_fit();
    for (std::string* const block : {&taken_, &first_}) {
        block->clear();
        if (block->capacity() > spare_bytes) std::string{}.swap(*block);
    }
    unread_ = 0;
    hold(memory_of(taken_) + memory_of(first_));
}

void ReceivedBody::hold(std::size_t capacity) {
    capacity_ = capacity;
    share_.set(capacity);
}

}  // namespace nikawa::http
