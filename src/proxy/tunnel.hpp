#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "nikawa/base/failure.hpp"
#include "nikawa/base/memory_budget.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/net/tunnel_end.hpp"

namespace nikawa::proxy {

/// What a tunnel shares with others of its shard.
struct TunnelMeans {
    /// Where it reads to: never held over a suspension, so that all tunnels share it and an idle
    /// one holds nothing. Not empty.
    MutableBytes scratch;
    MemoryBudget& memory;   ///< where is counted what one side does not take as fast as it comes
    Duration inactivity{};  ///< without a byte either way; zero: no limit
};

/// Two connections that are one: what comes from one side goes to the other, both ways at once
/// (RFC 9110 §9.3.6).
///
/// A side that takes nothing stops the other, after one read. The end of one side is passed on and
/// the way back stays open, as far as the transport has such a thing: a side that ends by TLS is
/// sent what comes without a pause. What breaks one side resets the other.
class Tunnel final : private loop::Expirable {
public:
    /// The streams and the means outlive the tunnel.
    Tunnel(loop::Loop& loop, net::TunnelEnd client, net::TunnelEnd origin, TunnelMeans means);

    /// Copies until both sides have ended; nothing is read or written afterwards. Gives what cut it
    /// short: client_gone, peer_closed, tunnel_timed_out, what `cut()` was given.
    Task<std::optional<Failure>> run();

    /// Ends both sides at once, and `run()` with `why`.
    void cut(const Failure& why) noexcept;

    /// Bytes that each side has taken so far.
    [[nodiscard]] std::uint64_t to_origin() const { return to_origin_.passed; }
    [[nodiscard]] std::uint64_t to_client() const { return to_client_.passed; }

private:
    // One direction.
    struct Way {
        Way(net::ByteStream& source, net::ByteStream& sink, std::string first, MemoryBudget& memory)
            : from(source), to(sink), held(std::move(first)), share(&memory) {
            share.set(held.capacity());
        }

        net::ByteStream& from;
        net::ByteStream& to;
        std::string held;       // read and not taken yet
        std::size_t taken = 0;  // of `held`
        BudgetShare share;
        std::uint64_t passed = 0;
        bool has_ended = false;  // its source has, and its sink was told
    };

    enum class Step : std::uint8_t { go_on, wait, over };

    Task<void> pass(Way& way);
    Task<void> pass_back();
    [[nodiscard]] Step read_some(Way& way);
    void send(Way& way, Bytes bytes);
    void send_held(Way& way);
    void release(Way& way);
    void end(Way& way);
    void failed(net::ByteStream& broken, const boost::system::error_code& error);
    void stop() noexcept;
    void note_activity();
    void expire() noexcept override;
    [[nodiscard]] Failure end_of(const net::ByteStream& side,
                                 const boost::system::error_code& error) const;
    [[nodiscard]] bool has_told_end(const net::ByteStream& side) const;

    loop::Loop& loop_;
    const TunnelMeans means_;
    Way to_origin_;
    Way to_client_;
    bool is_over_ = false;
    bool is_parting_ = false;  // one side has ended for good: the other has a moment
    std::optional<Failure> failure_;
    bool is_way_back_over_ = false;
    loop::Event way_back_over_;
    loop::Watchdog watchdog_;
};

}  // namespace nikawa::proxy
