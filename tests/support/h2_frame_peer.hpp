#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/h2_frames.hpp"
#include "support/memory_stream.hpp"
#include "support/test_loop.hpp"

namespace nikawa::test {

/// An HTTP/2 origin or client that sends the octets it is told to and knows no rules: it keeps the
/// frames that come and answers none of them, our SETTINGS included.
class H2FramePeer {
public:
    struct Frame {
        h2::Type type;
        unsigned flags;
        std::uint32_t stream;
        std::string payload;
    };

    /// An origin is sent a preface, a client has to send one.
    enum class Role : std::uint8_t { origin, client };

    H2FramePeer(TestLoop& loop, std::unique_ptr<MemoryStream> stream, Role role = Role::origin);
    ~H2FramePeer();
    H2FramePeer(const H2FramePeer&) = delete;
    H2FramePeer& operator=(const H2FramePeer&) = delete;

    /// As the wire takes them; the rest is dropped when it is closed.
    void send(std::string_view bytes);
    void close();

    /// What came, whole frames only.
    [[nodiscard]] const std::vector<Frame>& frames() const { return frames_; }
    [[nodiscard]] std::size_t count(h2::Type type) const;
    /// How many octets of DATA came on a stream.
    [[nodiscard]] std::size_t data_bytes(std::uint32_t stream) const;
    /// The error code of the last GOAWAY, or of the last RST_STREAM for a stream; -1 if none came.
    [[nodiscard]] std::int64_t told_goaway() const;
    [[nodiscard]] std::int64_t told_reset(std::uint32_t stream) const;

    MemoryStream& stream() { return *stream_; }

private:
    Task<void> read();
    Task<void> write();
    void take_frames();

    TestLoop& loop_;
    std::unique_ptr<MemoryStream> stream_;
    loop::Event wake_;
    std::string outgoing_;
    std::string incoming_;
    bool preface_taken_;
    bool stopped_ = false;
    std::vector<Frame> frames_;
};

}  // namespace nikawa::test
