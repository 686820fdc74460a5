#pragma once

#include <cstddef>
#include <cstdint>

#include "nikawa/base/bytes.hpp"

namespace nikawa::fuzz {

/// The octets that are left of an input.
class Script {
public:
    explicit Script(Bytes input) : left_(input) {}

    [[nodiscard]] bool is_over() const { return left_.empty(); }

    std::uint8_t octet() {
        const Bytes one = take(1);
        return one.empty() ? 0 : static_cast<std::uint8_t>(one.front());
    }

    Bytes take(std::size_t size) {
        const Bytes taken = left_.substr(0, size);
        left_.remove_prefix(taken.size());
        return taken;
    }

private:
    Bytes left_;
};

}  // namespace nikawa::fuzz
