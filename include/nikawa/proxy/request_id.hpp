#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nikawa::proxy {

/// Makes request ids in the format of chocon's (xid): 20 characters of base32hex in lower case over
/// 4 bytes of Unix time, 5 of the process and 3 of a counter; they sort by time.
class RequestIdSource {
public:
    using Id = std::array<char, 20>;

    /// `process` tells this source from every other one that lives at the same time, its low 40
    /// bits count; `first` is where the counter starts.
    RequestIdSource(std::uint64_t process, std::uint32_t first)
        : process_(process), counter_(first) {}

    /// A source that differs from all others by chance.
    static RequestIdSource random();

    Id next(std::chrono::system_clock::time_point now);

private:
    std::uint64_t process_;
    std::uint32_t counter_;
};

inline constexpr std::size_t longest_request_id = 128;

/// Whether a client's own id can stand in a field and in a log line: visible ASCII characters, at
/// least one and at most `longest_request_id`.
bool is_usable_request_id(std::string_view id);

/// The trace id of a traceparent field (W3C Trace Context, level 1): 32 hexadecimal digits; empty
/// when the field is not valid. A view into `traceparent`.
std::string_view trace_id_of(std::string_view traceparent);

}  // namespace nikawa::proxy
