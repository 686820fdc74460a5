#include "nikawa/net/descriptor_reserve.hpp"

#include "nikawa/net/unique_fd.hpp"

namespace nikawa::net {

DescriptorReserve::Promise::~Promise() {
    if (reserve_ != nullptr) reserve_->promised_.fetch_sub(1, std::memory_order_relaxed);
}

// Two threads may each see the other's promise and both do without: they ask again.
std::optional<DescriptorReserve::Promise> DescriptorReserve::promise() noexcept {
    promised_.fetch_add(1, std::memory_order_relaxed);
    Promise promise{*this};
    if (promised_.load(std::memory_order_relaxed) + UniqueFd::owned() > usable_) {
        return std::nullopt;
    }
    return promise;
}

bool DescriptorReserve::has_room() const noexcept {
    return promised_.load(std::memory_order_relaxed) + UniqueFd::owned() < usable_;
}

}  // namespace nikawa::net
