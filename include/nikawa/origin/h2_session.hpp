#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/memory_budget.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/origin/origin_session.hpp"

namespace nikawa::origin {

/// What an HTTP/2 session asks of, and allows to, its origin.
struct H2Limits {
    /// Unread bytes that an origin may send on a stream; of one whose holder keeps up, the second.
    /// The first is what 100 ms at 100 Mbit/s hold, so that a warm connection is not held up.
    std::size_t first_stream_window = 1280 * 1024;
    std::size_t stream_window = 8 * 1024 * 1024;
    std::size_t short_window = 64 * 1024;  ///< the most while `memory` is short
    MemoryBudget* memory = nullptr;        ///< where bodies are counted; may be nullptr
    std::size_t max_streams = 1000;        ///< at once, whatever the peer allows
    std::size_t head_bytes = 64 * 1024;    ///< of a response's heads or its trailers, decoded
    std::size_t fields = 256;              ///< the same
    std::size_t interim_heads = 100;  ///< 1xx responses at once; more of them by 50 in a second
    Duration write_timeout{};         ///< until the origin takes the next bytes; zero: no limit
    std::string unindexed_field;      ///< a request field that never repeats: kept out of HPACK
};

/// Our end of an HTTP/2 connection (RFC 9113); the only place that knows nghttp2.
///
/// The connection's flow-control window is given back as bytes arrive and each stream's only as its
/// holder asks for more, a larger one to a holder who keeps up: one slow reader holds at most its
/// stream's first window and never its siblings. While memory is short all windows are small.
/// An origin that floods the session with frames that bring nothing forward loses it.
/// All frames of a turn leave together, in as few TLS records as they fill.
class H2Session final : public OriginSession {
public:
    /// `scratch` is where received bytes are read to, at least 16 KiB; never held over a
    /// suspension, so all sessions of a shard share it. It outlives the session.
    H2Session(loop::Loop& loop, net::Dialled dialled, const H2Limits& limits, MutableBytes scratch);
    ~H2Session() override;

    [[nodiscard]] std::size_t capacity() const override;
    [[nodiscard]] std::size_t max_streams() const override;
    [[nodiscard]] std::size_t streams() const override;
    [[nodiscard]] bool is_retired() const override;
    StreamLease open_stream(const StreamTimeouts& timeouts) override;
    void drain() noexcept override;
    void close(const Failure& why) noexcept override;
    Task<void> run(SessionListener& listener) override;
    [[nodiscard]] net::Protocol protocol() const override { return net::Protocol::http_2; }
    [[nodiscard]] const std::string& peer_address() const override;
    [[nodiscard]] TimePoint idle_since() const override;
    [[nodiscard]] TimePoint last_heard() const override;
    [[nodiscard]] bool has_answered() const override;
    [[nodiscard]] net::PathReport path() const override;
    void probe() override;
    void call_when_heard() override;
    void doubt() noexcept override;
    [[nodiscard]] SessionEnd end_cause() const override;
    [[nodiscard]] bool is_confirmed() const override;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::origin
