#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "nikawa/loop/loop.hpp"
#include "nikawa/net/byte_stream.hpp"

namespace nikawa::daemon {

/// Answers connections that cannot be served, whatever they ask: the answer and the end of our
/// side. Each is kept open for a moment, so that what the client still sends does not reset the
/// connection under the answer (RFC 9112 §9.6); of too many, those go first that had longest.
class Refusals {
public:
    /// `loop` outlives it, and runs until its coroutines have ended.
    /// Answers are in the name of `via_name`; `most_lingering` is at least 1.
    Refusals(loop::Loop& loop, const std::string& via_name, std::size_t most_lingering);

    /// Because of the limits of connections.
    void refuse(std::unique_ptr<net::ByteStream> stream);

    /// For want of a descriptor: the connection's is free when this returns.
    void refuse_at_once(net::ByteStream& stream) const noexcept;

    /// Closes the one that was refused first, if any still lingers.
    bool let_one_go() noexcept;

    /// Closes all of them.
    void close_all() noexcept;

private:
    Task<void> linger(std::unique_ptr<net::ByteStream> stream);

    loop::Loop& loop_;
    const std::string beyond_limits_;
    const std::string no_descriptor_;
    const std::size_t most_lingering_;
    std::list<net::ByteStream*> lingering_;  // the longest first; open
};

}  // namespace nikawa::daemon
