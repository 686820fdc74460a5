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
};

}  // namespace nikawa::net
