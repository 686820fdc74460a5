#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "nikawa/base/bytes.hpp"
#include "nikawa/http/field_block.hpp"

/// What libFuzzer, or replay.cpp in its place, calls with each input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace nikawa::fuzz {

inline Bytes text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Ends the process when an invariant does not hold, which is how a fuzzer learns of it. (The
/// built-ins, because clang 14 has no std::source_location.)
inline void require(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (holds) return;
    std::fprintf(stderr, "%s:%d: invariant broken\n", file, line);
    std::abort();
}

inline bool is_token_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && Bytes{"!#$%&'*+-.^_`|~"}.find(c) != Bytes::npos);
}

/// RFC 9110 §5.1 and §5.5: what a peer could read in another way has been refused.
inline void require_sound(const http::FieldBlock& fields) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const http::Field field = fields[i];
        require(!field.name.empty());
        for (const char c : field.name) require(is_token_byte(c));
        for (const char c : field.value) {
            const auto byte = static_cast<unsigned char>(c);
            require(byte >= ' ' ? byte != 0x7f : c == '\t');
        }
        if (!field.value.empty()) {
            require(!is_blank(field.value.front()) && !is_blank(field.value.back()));
        }
    }
}

inline bool same(const http::FieldBlock& a, const http::FieldBlock& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i].id != b[i].id || a[i].name != b[i].name || a[i].value != b[i].value) return false;
    }
    return true;
}

}  // namespace nikawa::fuzz
