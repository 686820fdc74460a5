#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace nikawa::net {

/// Keeps the last eighth of the process's descriptors for clients, and for connections that an
/// exchange waits for: whoever opens one ahead of demand asks here first. From any thread.
class DescriptorReserve {
public:
    /// The move-only right to open one connection ahead of demand. It is held until the connection
    /// is made, or is not to be made.
    class Promise {
    public:
        explicit Promise(DescriptorReserve& reserve) : reserve_(&reserve) {}
        Promise(Promise&& other) noexcept : reserve_(std::exchange(other.reserve_, nullptr)) {}
        Promise& operator=(Promise&&) = delete;
        ~Promise();

    private:
        DescriptorReserve* reserve_;
    };

    /// `limit` is how many descriptors the process may have.
    explicit DescriptorReserve(std::size_t limit) : usable_(limit - limit / 8) {}
    DescriptorReserve(const DescriptorReserve&) = delete;
    DescriptorReserve& operator=(const DescriptorReserve&) = delete;

    /// Nothing while only the last eighth is left, with what was promised to others.
    [[nodiscard]] std::optional<Promise> promise() noexcept;

    /// Whether `promise()` would give one now.
    [[nodiscard]] bool has_room() const noexcept;

private:
    const std::size_t usable_;
    std::atomic<std::size_t> promised_{0};
};

}  // namespace nikawa::net
