#include "origin/received_body.hpp"

namespace nikawa::origin {

void ReceivedBody::append(Bytes bytes) {
    std::string* last = more_.empty() ? &first_ : &more_.back();
    if (!last->empty() && last->size() + bytes.size() > block_bytes) last = &more_.emplace_back();
    const bool would_double = last->size() + bytes.size() > last->capacity();
    if (would_double && 2 * last->capacity() > block_bytes) {
        std::string full;
        full.reserve(block_bytes);
        last->swap(full.append(*last));
    }
    last->append(bytes);
}

Bytes ReceivedBody::take() {
    drop_taken();
    std::swap(taken_, first_);
    if (!more_.empty()) {
        first_ = std::move(more_.front());
        more_.erase(more_.begin());  // as many as a window has: few
    }
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
}

std::size_t ReceivedBody::capacity() const {
    std::size_t bytes = taken_.capacity() + first_.capacity();
    for (const auto& block : more_) bytes += block.capacity();
    return bytes;
}

}  // namespace nikawa::origin
