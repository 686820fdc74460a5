#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nikawa/base/result.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/loop/task.hpp"
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
    };

    /// Takes addresses from the front of `untried` as it goes; what is left was not tried.
    ConnectRace(EventLoop& event_loop, Addresses& untried, std::uint16_t port, Duration stagger);
    ~ConnectRace();

    /// Errors: connect_failed with the last failure of an address, connect_timed_out.
    Task<Result<Winner>> run(Deadline deadline);

    /// Makes `run()` end with connect_failed.
    void cancel() noexcept;

private:
    class Attempt;

    void start_next();
    static Failure failed_with(int error);
    void note_error(int error) noexcept;
    std::unique_ptr<Attempt> take_connected();

    EventLoop& event_loop_;
    Addresses& untried_;
    std::uint16_t port_;
    Duration stagger_;
    loop::Event progress_;
    std::vector<std::unique_ptr<Attempt>> attempts_;
    int last_error_ = 0;
    bool cancelled_ = false;
};

}  // namespace nikawa::net
