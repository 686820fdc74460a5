#include "nikawa/net/unique_fd.hpp"

#include <unistd.h>

namespace nikawa::net {

void UniqueFd::reset() noexcept {
    if (fd_ >= 0) ::close(release());
}

}  // namespace nikawa::net
