#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

/// HTTP/2's frames as octets (RFC 9113 §6), right or wrong as the caller likes: what a library
/// would refuse to write.
namespace nikawa::test::h2 {

enum class Type : std::uint8_t {
    data = 0,
    headers = 1,
    priority = 2,
    rst_stream = 3,
    settings = 4,
    push_promise = 5,
    ping = 6,
    goaway = 7,
    window_update = 8,
    continuation = 9,
    unknown = 0xbe,
};

inline constexpr unsigned none = 0;
inline constexpr unsigned ack = 0x1;
inline constexpr unsigned end_stream = 0x1;
inline constexpr unsigned end_headers = 0x4;
inline constexpr unsigned padded = 0x8;

enum class Error : std::uint32_t {
    no_error = 0,
    protocol = 1,
    internal = 2,
    flow_control = 3,
    stream_closed = 5,
    frame_size = 6,
    refused_stream = 7,
    cancel = 8,
    compression = 9,
    enhance_your_calm = 11,
    http_1_1_required = 13,
};

/// A number in network order.
inline std::string number(std::uint64_t value, int octets) {
    std::string text;
    while (octets-- > 0) text.push_back(static_cast<char>(value >> (8 * octets)));
    return text;
}

inline std::string frame_head(Type type, unsigned flags, std::uint32_t stream, std::size_t size) {
    return number(size, 3) + number(static_cast<std::uint64_t>(type), 1) + number(flags, 1) +
           number(stream, 4);
}

inline std::string frame(Type type,
                         unsigned flags,
                         std::uint32_t stream,
                         std::string_view payload = {}) {
    return frame_head(type, flags, stream, payload.size()).append(payload);
}

inline std::string settings(
    std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> entries = {}) {
    std::string payload;
    for (const auto& [id, value] : entries) payload += number(id, 2) + number(value, 4);
    return frame(Type::settings, none, 0, payload);
}

inline std::string settings_ack() { return frame(Type::settings, ack, 0); }
inline std::string ping() { return frame(Type::ping, none, 0, "12345678"); }

inline std::string rst_stream(std::uint32_t stream, Error code) {
    return frame(Type::rst_stream, none, stream, number(static_cast<std::uint64_t>(code), 4));
}

inline std::string go_away(std::uint32_t last_stream, Error code) {
    return frame(Type::goaway,
                 none,
                 0,
                 number(last_stream, 4) + number(static_cast<std::uint64_t>(code), 4));
}

inline std::string window_update(std::uint32_t stream, std::uint32_t increment) {
    return frame(Type::window_update, none, stream, number(increment, 4));
}

inline std::string data(std::uint32_t stream, std::string_view bytes, unsigned flags = none) {
    return frame(Type::data, flags, stream, bytes);
}

/// HPACK: a field that is spelt out and not indexed (RFC 7541 §6.2.2); shorter than 127 octets
/// each.
inline std::string field(std::string_view name, std::string_view value) {
    return number(0, 1) + number(name.size(), 1).append(name) +
           number(value.size(), 1).append(value);
}

/// HPACK: `:status: 200` of the static table.
inline constexpr std::string_view ok = "\x88";

inline std::string headers(std::uint32_t stream,
                           std::string_view block = ok,
                           unsigned flags = end_headers) {
    return frame(Type::headers, flags, stream, block);
}

inline std::string repeated(std::string_view frames, std::size_t count) {
    std::string text;
    text.reserve(frames.size() * count);
    for (; count > 0; --count) text.append(frames);
    return text;
}

}  // namespace nikawa::test::h2
