#pragma once

#include <string_view>

#include "nikawa/aws/credentials.hpp"
#include "nikawa/loop/task.hpp"

namespace nikawa::proxy {

/// Where the secrets of AWS access keys are, for one shard.
class CredentialSource {
public:
    /// The credential of that key, or nullptr. Valid until the caller suspends.
    [[nodiscard]] virtual const aws::Credential* find(std::string_view access_key_id) const = 0;

    /// A key was not known, or its credential has expired: asks again where credentials change by
    /// themselves (a metadata endpoint), if that was not done a moment ago. Then `find()` again.
    virtual Task<void> refresh() = 0;

protected:
    ~CredentialSource() = default;
};

}  // namespace nikawa::proxy
