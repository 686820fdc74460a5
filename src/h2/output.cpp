#include "h2/output.hpp"

#include "nikawa/http/octets.hpp"

namespace nikawa::h2 {

bool Output::gather(nghttp2_session* session) {
    while (!is_full()) {
        const std::uint8_t* frame = nullptr;
        const auto size = nghttp2_session_mem_send(session, &frame);
        if (size <= 0) break;
        buffer_.append(http::text(frame, static_cast<std::size_t>(size)));
    }
    return written_ < buffer_.size();
}

net::IoResult Output::write_to(net::ByteStream& stream) {
    const Bytes rest = Bytes{buffer_}.substr(written_);
    const net::IoResult write = stream.try_write({&rest, 1});
    if (write.state == net::IoResult::State::done) {
        written_ += write.bytes;
        if (written_ == buffer_.size()) {
            buffer_.clear();
            written_ = 0;
        }
    }
    return write;
}

void Output::release_memory(std::size_t spare_bytes) {
    if (buffer_.empty() && buffer_.capacity() > spare_bytes) std::string{}.swap(buffer_);
}

}  // namespace nikawa::h2
