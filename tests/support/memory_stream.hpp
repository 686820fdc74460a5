#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "nikawa/net/byte_stream.hpp"

namespace nikawa::test {

class MemoryStream;

/// What the connection between two memory streams is like.
struct WireSettings {
    std::size_t capacity = 64 * 1024;  ///< bytes under way in one direction before writing blocks
    std::string near_address = "192.0.2.7:50000";  ///< what `near` says of its peer
    std::string far_address = "192.0.2.1:443";     ///< what `far` says of its peer
};

/// The two ends of a connection.
struct StreamPair {
    std::unique_ptr<MemoryStream> near;
    std::unique_ptr<MemoryStream> far;
};

/// Two connected streams. Whoever is given one may destroy it at any time.
StreamPair make_stream_pair(loop::Loop& loop, const WireSettings& settings = {});

/// One end of a connection in memory, with the manners of TCP where they matter to us: bounded
/// room, half close, and a reset that takes away what the peer has not yet read. Closing with
/// unread input, or writing to an end that has closed, resets too (RFC 9112 §9.6).
class MemoryStream final : public net::ByteStream, private loop::TurnFlush {
public:
    ~MemoryStream() override;

    net::IoResult try_read(MutableBytes into) noexcept override;
    net::IoResult try_write(std::span<const Bytes> pieces) noexcept override;
    void watch_peer(net::PeerCloseListener* listener) override;
    void shutdown_send() noexcept override;
    void close() noexcept override;
    void abort() noexcept override;
    [[nodiscard]] net::PathReport path() const noexcept override { return path_report; }
    void probe_path(bool on) noexcept override;
    void bear_full_window() noexcept override { bears_full_window = true; }
    [[nodiscard]] bool is_confirmed() const noexcept override { return confirmed; }
    [[nodiscard]] bool has_half_close() const noexcept override { return half_close; }
    [[nodiscard]] std::string peer_address() const override { return peer_address_; }

    net::PathReport path_report;     ///< what `path()` says
    bool confirmed = true;           ///< what `is_confirmed()` says
    bool half_close = true;          ///< what `has_half_close()` says
    bool bears_full_window = false;  ///< whether it was told to

    /// Whether the path is being probed, and how often that began.
    [[nodiscard]] bool is_probing() const { return probing_; }
    [[nodiscard]] std::size_t probes() const { return probes_; }

    /// How many bytes one read or write moves at most: 1 shows every split.
    void limit_read(std::size_t bytes) { read_limit_ = bytes; }
    void limit_write(std::size_t bytes) { write_limit_ = bytes; }

    /// How many bytes may be under way from this end; less makes writing block.
    void set_capacity(std::size_t bytes) { capacity_ = bytes; }

    [[nodiscard]] bool is_closed() const { return closed_; }
    [[nodiscard]] bool is_watched() const { return listener_ != nullptr; }

    /// Calls of try_read() and try_write() so far: what would be system calls.
    [[nodiscard]] std::size_t reads() const { return reads_; }
    [[nodiscard]] std::size_t writes() const { return writes_; }

    /// The most bytes that one try_write() was given.
    [[nodiscard]] std::size_t most_offered() const { return most_offered_; }

private:
    friend StreamPair make_stream_pair(loop::Loop& loop, const WireSettings& settings);
    MemoryStream(loop::Loop& loop, std::size_t capacity, std::string peer_address);

    void arm_readable() override;
    void arm_writable() override;
    void flush() noexcept override;

    [[nodiscard]] bool can_read() const;
    [[nodiscard]] bool can_write() const;
    [[nodiscard]] bool is_peer_gone() const;
    void break_connection() noexcept;
    void wake_if_ready() noexcept;

    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    MemoryStream* peer_ = nullptr;  // null once that end is destroyed
    std::string incoming_;
    std::size_t capacity_;
    std::string peer_address_;
    net::PeerCloseListener* listener_ = nullptr;
    bool end_told_ = false;  // to this listener
    std::size_t read_limit_ = unlimited;
    std::size_t write_limit_ = unlimited;
    std::size_t reads_ = 0;
    std::size_t writes_ = 0;
    std::size_t most_offered_ = 0;
    std::size_t probes_ = 0;
    bool probing_ = false;
    bool closed_ = false;
    bool send_ended_ = false;   // our side, by shutdown_send()
    bool input_ended_ = false;  // the peer's side
    bool broken_ = false;
    bool read_armed_ = false;
    bool write_armed_ = false;
};

}  // namespace nikawa::test
