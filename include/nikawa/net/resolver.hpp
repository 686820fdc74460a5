#pragma once

#include <string>

#include "nikawa/base/result.hpp"
#include "nikawa/base/time.hpp"
#include "nikawa/loop/task.hpp"
#include "nikawa/net/endpoint.hpp"

namespace nikawa::net {

/// Finds the addresses of a host.
class Resolver {
public:
    virtual ~Resolver() = default;

    /// At least one address, the one to try first in front. Errors (side origin): resolve_failed,
    /// resolve_timed_out.
    virtual Task<Result<Addresses>> resolve(std::string host, Deadline deadline) = 0;

    /// Asks again, in the background, for a name whose answer expires soon, so that `resolve()` has
    /// a fresh one at hand. Gives when to be called again.
    virtual Deadline keep_fresh(const std::string& host) = 0;

    /// Whether the answers about `host` have left out `address` for so long that it is no longer
    /// the host's. What was never answered has not left, nor does a failing resolver remove
    /// anything.
    [[nodiscard]] virtual bool has_left(const std::string& host,
                                        const IpAddress& address) const = 0;
};

}  // namespace nikawa::net
