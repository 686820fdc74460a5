#pragma once

#include <string>
#include <string_view>

namespace nikawa {

/// Appends a byte that must not be shown as it is: `\x` and two digits.
inline void append_escaped(std::string& out, char byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto octet = static_cast<unsigned char>(byte);
    out.append("\\x");
    out.push_back(digits[octet >> 4U]);
    out.push_back(digits[octet & 15U]);
}

}  // namespace nikawa
