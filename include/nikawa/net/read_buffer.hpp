#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

#include "nikawa/base/bytes.hpp"

namespace nikawa::net {

/// Bytes that were read and not yet taken, in one piece. Has no memory until it is read into.
class ReadBuffer {
public:
    /// Valid until `room()` or `release()`, taking some of them included.
    [[nodiscard]] Bytes unread() const { return {data_.get() + begin_, end_ - begin_}; }

    void take(std::size_t bytes) { begin_ += bytes; }

    /// Where to read more to, in a buffer of at least `capacity`, which is more than what is
    /// unread.
    MutableBytes room(std::size_t capacity) {
        const Bytes kept = unread();
        if (capacity > capacity_) {
            auto larger = std::make_unique_for_overwrite<char[]>(capacity);
            std::copy(kept.begin(), kept.end(), larger.get());
            data_ = std::move(larger);
            capacity_ = capacity;
        } else if (begin_ > 0) {
            std::copy(kept.begin(), kept.end(), data_.get());
        }
        end_ = kept.size();
        begin_ = 0;
        return {data_.get() + end_, capacity_ - end_};
    }

    /// So many bytes were read into the room.
    void add(std::size_t bytes) { end_ += bytes; }

    /// Gives its memory back; only while nothing is unread.
    void release() { *this = ReadBuffer{}; }

private:
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace nikawa::net
