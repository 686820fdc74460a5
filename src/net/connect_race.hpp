#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "nikawa/base/result.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/loop/task.hpp"
#include "nikawa/net/descriptor_relief.hpp"
#include "nikawa/net/endpoint.hpp"
#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/socket.hpp"

namespace nikawa::net {

/// The addresses in the order of RFC 8305 §4: families take turns, the first address's first.
Addresses interleaved(const Addresses& addresses);

/// Connects to the first of several addresses that answers (RFC 8305, "happy eyeballs"): the next
/// attempt starts when one fails, or when none has succeeded for a while. Losers are closed.
class ConnectRace {
public:
    struct Winner {
        UniqueFd fd;
        Endpoint peer;
        bool is_held = false;  ///< the SYN waits for the first bytes: the address has said nothing
    };

    /// `fast`: with an address that has given us a cookie, the first bytes leave with the SYN (TCP
    /// Fast Open, RFC 7413). They may arrive twice.
    enum class Opening : std::uint8_t { plain, fast };

    /// Takes addresses from the front of `untried` as it goes; what is left was not tried.
    /// `relief` is asked for a descriptor if there is none; may be nullptr.
    ConnectRace(EventLoop& event_loop,
                Addresses& untried,
                std::uint16_t port,
                Duration stagger,
                Opening opening = Opening::plain,
                DescriptorRelief* relief = nullptr);
    ~ConnectRace();

    /// Errors: connect_failed with the last failure of an address, connect_timed_out;
    /// descriptors_exhausted (side self).
    Task<Result<Winner>> run(Deadline deadline);

    /// Which addresses refused, or had not answered when one that was started later did, or at the
    /// deadline; valid once `run()` has ended.
    [[nodiscard]] const Addresses& failed() const noexcept { return failed_; }

    /// The address that an error of `run()` is about: of several the one that failed last, or that
    /// was tried last when the time was up. Nothing if it came to none.
    [[nodiscard]] const std::optional<Endpoint>& failed_last() const noexcept {
        return failed_last_;
    }

    /// Makes `run()` end with connect_failed.
    void cancel() noexcept;

private:
    class Attempt;

    void start_next();
    [[nodiscard]] UniqueFd open_socket(const IpAddress& address) const noexcept;
    static Failure failed_with(int error);
    void note_failed(const Endpoint& peer, int error);
    void note_unanswered(TimePoint started_before);
    void note_error(std::optional<Endpoint> peer, int error) noexcept;
    std::unique_ptr<Attempt> take_connected();

    EventLoop& event_loop_;
    Addresses& untried_;
    std::uint16_t port_;
    Duration stagger_;
    Opening opening_;
    DescriptorRelief* relief_;
    loop::Event progress_;
    std::vector<std::unique_ptr<Attempt>> attempts_;
    Addresses failed_;
    std::optional<Endpoint> failed_last_;  // where it was last_error_
    int last_error_ = 0;
    bool cancelled_ = false;
};

}  // namespace nikawa::net
