#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

namespace nikawa {

/// How many bytes of bodies a shard holds, and how many it may: whoever keeps bytes for somebody
/// slow counts them here. Not thread-safe: one for each shard.
class MemoryBudget {
public:
    /// Zero is no limit.
    explicit MemoryBudget(std::size_t limit) : limit_(limit) {}
    MemoryBudget(const MemoryBudget&) = delete;
    MemoryBudget& operator=(const MemoryBudget&) = delete;

    void take(std::size_t bytes) noexcept { held_ += bytes; }
    void give_back(std::size_t bytes) noexcept {
        assert(bytes <= held_);
        held_ -= bytes;
    }

    [[nodiscard]] std::size_t held() const noexcept { return held_; }

    /// More than half of it is held: who receives asks for less at a time.
    [[nodiscard]] bool is_short() const noexcept { return limit_ != 0 && held_ > limit_ / 2; }

    /// Less than a quarter is held: who asked for less may ask for as much as ever.
    [[nodiscard]] bool has_room() const noexcept { return limit_ == 0 || held_ < limit_ / 4; }

    /// All of it is held: no new exchange begins.
    [[nodiscard]] bool is_full() const noexcept { return limit_ != 0 && held_ >= limit_; }

    /// Counts the exchanges that did not begin.
    void note_refusal() noexcept { ++refusals_; }
    [[nodiscard]] std::uint64_t refusals() const noexcept { return refusals_; }

private:
    std::size_t limit_;
    std::size_t held_ = 0;
    std::uint64_t refusals_ = 0;
};

/// What one holder of bytes has counted in a budget; its destructor gives that back.
class BudgetShare {
public:
    /// `budget` may be nullptr, for nobody counts then, or it outlives the share.
    explicit BudgetShare(MemoryBudget* budget) : budget_(budget) {}
    BudgetShare(const BudgetShare&) = delete;
    BudgetShare& operator=(const BudgetShare&) = delete;
    ~BudgetShare() { set(0); }

    /// So many bytes are held now.
    void set(std::size_t bytes) noexcept {
        if (budget_ == nullptr) return;
        budget_->give_back(bytes_);
        budget_->take(bytes);
        bytes_ = bytes;
    }

private:
    MemoryBudget* budget_;
    std::size_t bytes_ = 0;
};

}  // namespace nikawa
