#pragma once

#include <cstddef>
#include <cstdint>

#include "nikawa/base/bytes.hpp"

namespace nikawa::http {

/// What a C library gives as octets, as bytes.
inline Bytes text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Bytes for a C library that only reads them, though its types lack the const.
inline std::uint8_t* octets(Bytes bytes) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
}

}  // namespace nikawa::http
