#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <optional>

#include "daemon/connection_limits.hpp"
#include "nikawa/client/client_connection.hpp"
#include "nikawa/loop/loop.hpp"

namespace nikawa::daemon {

class OpenConnections;

/// A connection of a client that is served: a local of the coroutine that does it.
class OpenConnection final : public client::IdleListener {
public:
    OpenConnection(OpenConnections& all, ConnectionPlace place);
    OpenConnection(const OpenConnection&) = delete;
    OpenConnection& operator=(const OpenConnection&) = delete;
    ~OpenConnection() { end(); }

    /// It is served from now on; `connection` is the one that was given this as its listener.
    void begin(client::ClientConnection& connection);

    /// It is served no longer.
    void end() noexcept;

    void became_idle() noexcept override;
    void became_busy() noexcept override;

private:
    friend OpenConnections;

    OpenConnections& all_;
    ConnectionPlace place_;
    client::ClientConnection* connection_ = nullptr;  // while it is served
    bool is_idle_ = false;
    TimePoint idle_since_{};
    std::list<OpenConnection*>::iterator at_;
};

/// The connections of clients in one shard, and which of them have been idle for longest: those may
/// be closed at any time (RFC 9112 §9.3), and are, when a place or a descriptor is needed.
class OpenConnections {
public:
    /// Idle for less, a connection may just be about to be used again.
    static constexpr Duration a_moment = std::chrono::milliseconds{100};

    /// `loop` outlives it.
    explicit OpenConnections(loop::Loop& loop) : loop_(loop) {}

    [[nodiscard]] bool empty() const { return busy_.empty() && idle_.empty(); }

    void drain_all() noexcept;
    void close_all() noexcept;

    /// Closes the connection that has been idle for longest, if that is more than a moment; its
    /// descriptor and its place are free at once. With `client`, one of this client's.
    bool let_idle_one_go(const net::IpAddress* client = nullptr) noexcept;

    /// From any thread: since when the one has been idle that has been for longest.
    [[nodiscard]] std::optional<TimePoint> longest_idle_since() const noexcept;

private:
    friend OpenConnection;
    void publish() noexcept;

    loop::Loop& loop_;
    std::list<OpenConnection*> busy_;
    std::list<OpenConnection*> idle_;  // the longest first
    std::atomic<Duration::rep> longest_idle_since_{none_idle};

    static constexpr auto none_idle = Duration::max().count();
};

}  // namespace nikawa::daemon
