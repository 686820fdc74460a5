#include "nikawa/net/descriptor_relief.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "nikawa/net/unique_fd.hpp"

namespace nikawa::net {

bool is_out_of_descriptors(int error) noexcept { return error == EMFILE || error == ENFILE; }

bool is_out_of_descriptors() noexcept {
    const UniqueFd probe{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    return !probe && is_out_of_descriptors(errno);
}

}  // namespace nikawa::net
