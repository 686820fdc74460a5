#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "nikawa/base/bytes.hpp"

namespace nikawa::origin {

/// What has arrived of a body and was not asked for yet, in blocks, so that the memory it takes
/// stays near its size; and the block that its reader has. A body that is read as it comes swaps
/// two blocks and allocates nothing.
class ReceivedBody {
public:
    void append(Bytes bytes);

    [[nodiscard]] bool is_empty() const { return first_.empty(); }

    /// The oldest block, until the next `drop_taken()` or `clear()`; while not empty.
    Bytes take();

    /// The reader is done with the block it took, which had so many bytes; 0 if it had none.
    std::size_t drop_taken();

    /// Forgets all, and gives back all but a little of its memory.
    void clear();

    /// The memory it takes.
    [[nodiscard]] std::size_t capacity() const;

private:
    // Large enough for what a read from the transport brings.
    static constexpr std::size_t block_bytes = 64 * 1024;

    // More than this is not kept for the next body.
    static constexpr std::size_t spare_bytes = 4 * 1024;

    std::string taken_;
    std::string first_;  // empty only if there is no more
    std::vector<std::string> more_;
};

}  // namespace nikawa::origin
