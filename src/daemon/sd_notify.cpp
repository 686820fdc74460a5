#include "nikawa/daemon/sd_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "nikawa/net/unique_fd.hpp"

namespace nikawa::daemon {

void notify_service_manager(std::string_view state) {
    const char* const variable = std::getenv("NOTIFY_SOCKET");
    const std::string_view path = variable == nullptr ? "" : variable;
    sockaddr_un address{};
    if (path.size() < 2 || path.size() >= sizeof(address.sun_path)) return;
    if (path.front() != '/' && path.front() != '@') return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path.front() == '@') address.sun_path[0] = '\0';  // of the abstract name space

    const net::UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket) return;
    // Not being heard is no reason to fail: systemd has its own time-out for that.
    static_cast<void>(
        sendto(socket.get(),
               state.data(),
               state.size(),
               MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size())));
}

}  // namespace nikawa::daemon
