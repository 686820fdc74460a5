#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <string>

#include "nikawa/net/byte_stream.hpp"

namespace nikawa::h2 {

/// The frames of a connection on their way out: those of a turn leave together.
class Output {
public:
    /// Adds what may leave now, up to what is worth one write; false when there is nothing to
    /// write.
    bool gather(nghttp2_session* session);

    /// Writes of it what `stream` takes now.
    net::IoResult write_to(net::ByteStream& stream);

    /// Where a DATA frame is put while it is gathered, unless `is_full()`.
    std::string& buffer() { return buffer_; }

    /// Whether it has what is worth one write: what is not needed yet stays where it lies.
    [[nodiscard]] bool is_full() const { return buffer_.size() >= write_bytes; }

    [[nodiscard]] bool is_empty() const { return buffer_.empty(); }

    /// Gives back the memory of what was large, or with `spare_bytes` of 0 all, when it is empty.
    void release_memory(std::size_t spare_bytes = 4 * std::size_t{1024});

private:
    static constexpr std::size_t write_bytes = 64 * std::size_t{1024};  // several TLS records

    std::string buffer_;
    std::size_t written_ = 0;  // of buffer_
};

}  // namespace nikawa::h2
