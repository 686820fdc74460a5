#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/memory_budget.hpp"

namespace nikawa::http {

/// What has arrived of a body and was not asked for yet, in blocks, so that the memory it takes
/// stays near its size; and the block that its reader has. A body that is read as it comes swaps
/// two blocks and allocates nothing.
class ReceivedBody {
public:
    /// Its memory is counted in `budget`, which outlives it, unless that is nullptr.
    explicit ReceivedBody(MemoryBudget* budget = nullptr) : share_(budget) {}

    void append(Bytes bytes);

    [[nodiscard]] bool is_empty() const { return first_.empty(); }

    /// The oldest block, until the next `drop_taken()` or `clear()`; while not empty.
    Bytes take();

    /// The reader is done with the block it took, which had so many bytes; 0 if it had none.
    std::size_t drop_taken();

    /// How many bytes nobody has asked for yet.
    [[nodiscard]] std::size_t unread() const { return unread_; }

    /// Forgets all, and gives back all but a little of its memory.
    void clear();

    /// The memory it takes.
    [[nodiscard]] std::size_t capacity() const { return capacity_; }

private:
    void hold(std::size_t capacity);

    // Large enough for what a read from the transport brings.
    static constexpr std::size_t block_bytes = 64 * 1024;

    // More than this is not kept for the next body.
    static constexpr std::size_t spare_bytes = 4 * 1024;

    std::string taken_;
    std::string first_;  // empty only if there is no more
    std::vector<std::string> more_;
    std::size_t unread_ = 0;
    std::size_t capacity_ = 0;  // of all blocks
    BudgetShare share_;
};

}  // namespace nikawa::http
