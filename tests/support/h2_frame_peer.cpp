#include "support/h2_frame_peer.hpp"

#include <array>
#include <utility>

namespace nikawa::test {
namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t frame_head_bytes = 9;

std::uint32_t number_at(std::string_view text, std::size_t at, std::size_t octets) {
    std::uint32_t value = 0;
    for (const char octet : text.substr(at, octets)) {
        value = value << 8U | static_cast<unsigned char>(octet);
    }
    return value;
}

}  // namespace

H2FramePeer::H2FramePeer(TestLoop& loop, std::unique_ptr<MemoryStream> stream, Role role)
    : loop_(loop),
      stream_(std::move(stream)),
      wake_(loop.loop()),
      preface_taken_(role == Role::client) {
    loop_.spawn(read());
    loop_.spawn(write());
}

H2FramePeer::~H2FramePeer() {
    close();
    loop_.run();
}

void H2FramePeer::send(std::string_view bytes) {
    outgoing_ += bytes;
    wake_.notify();
}

void H2FramePeer::close() {
    stopped_ = true;
    stream_->close();
    wake_.notify();
}

std::size_t H2FramePeer::count(h2::Type type) const {
    std::size_t count = 0;
    for (const Frame& frame : frames_) count += frame.type == type ? 1 : 0;
    return count;
}

std::size_t H2FramePeer::data_bytes(std::uint32_t stream) const {
    std::size_t bytes = 0;
    for (const Frame& frame : frames_) {
        if (frame.type == h2::Type::data && frame.stream == stream) bytes += frame.payload.size();
    }
    return bytes;
}

std::int64_t H2FramePeer::told_goaway() const {
    std::int64_t code = -1;
    for (const Frame& frame : frames_) {
        if (frame.type == h2::Type::goaway) code = number_at(frame.payload, 4, 4);
    }
    return code;
}

std::int64_t H2FramePeer::told_reset(std::uint32_t stream) const {
    std::int64_t code = -1;
    for (const Frame& frame : frames_) {
        if (frame.type == h2::Type::rst_stream && frame.stream == stream) {
            code = number_at(frame.payload, 0, 4);
        }
    }
    return code;
}

void H2FramePeer::take_frames() {
    if (!preface_taken_) {
        if (incoming_.size() < preface.size()) return;
        EXPECT_TRUE(incoming_.starts_with(preface));
        incoming_.erase(0, preface.size());
        preface_taken_ = true;
    }
    std::size_t at = 0;
    while (incoming_.size() - at >= frame_head_bytes) {
        const std::size_t size = number_at(incoming_, at, 3);
        if (incoming_.size() - at < frame_head_bytes + size) break;
        frames_.push_back({.type = static_cast<h2::Type>(number_at(incoming_, at + 3, 1)),
                           .flags = number_at(incoming_, at + 4, 1),
                           .stream = number_at(incoming_, at + 5, 4),
                           .payload = incoming_.substr(at + frame_head_bytes, size)});
        at += frame_head_bytes + size;
    }
    incoming_.erase(0, at);
}

Task<void> H2FramePeer::read() {
    std::array<char, 16384> buffer;
    while (!stopped_) {
        const auto read = stream_->try_read(buffer);
        if (read.state == net::IoResult::State::would_block) {
            co_await stream_->wait_readable();
        } else if (read.state == net::IoResult::State::done) {
            incoming_.append(buffer.data(), read.bytes);
            take_frames();
        } else {
            co_return;
        }
    }
}

Task<void> H2FramePeer::write() {
    while (!stopped_) {
        if (outgoing_.empty()) {
            co_await wake_.wait();
            continue;
        }
        const Bytes rest = outgoing_;
        const auto written = stream_->try_write({&rest, 1});
        if (written.state == net::IoResult::State::would_block) {
            co_await stream_->wait_writable();
        } else if (written.state == net::IoResult::State::done) {
            outgoing_.erase(0, written.bytes);
        } else {
            co_return;
        }
    }
}

}  // namespace nikawa::test
