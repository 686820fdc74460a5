#include "nikawa/daemon/listen_sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "nikawa/net/listener.hpp"

namespace nikawa::daemon {
namespace {

std::string take_variable(const char* name) {
    const char* const value = std::getenv(name);
    std::string text = value == nullptr ? "" : value;
    unsetenv(name);
    return text;
}

std::optional<int> parse_int(std::string_view text) {
    int value = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || rest != end || value < 0) return std::nullopt;
    return value;
}

int socket_option(int fd, int option) {
    int value = 0;
    socklen_t size = sizeof(value);
    if (getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) return -1;
    return value;
}

/// What keeps us from accepting on a descriptor, empty when nothing does.
std::string unusable_because(int fd) {
    const int family = socket_option(fd, SO_DOMAIN);
    if (family < 0) return "is not a socket: " + std::system_category().message(errno);
    if (family == AF_UNIX) return "is a unix socket, and nikawa listens on TCP only";
    const bool tcp =
        (family == AF_INET || family == AF_INET6) && socket_option(fd, SO_TYPE) == SOCK_STREAM;
    if (!tcp) return "is not a TCP socket";
    if (socket_option(fd, SO_ACCEPTCONN) != 1) return "does not listen";
    return {};
}

net::UniqueFd inherit(int fd, const std::string& named) {
    if (const auto reason = unusable_because(fd); !reason.empty()) {
        throw std::runtime_error{named + " " + reason};
    }
    net::UniqueFd socket{fd};
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        throw std::runtime_error{named + ": " + std::system_category().message(errno)};
    }
    return socket;
}

/// "127.0.0.1:3000=4;[::1]:3000=5;3001=6"
std::vector<net::UniqueFd> from_server_starter(std::string_view variable) {
    std::vector<net::UniqueFd> sockets;
    while (!variable.empty()) {
        const auto end = variable.find(';');
        const auto entry = variable.substr(0, end);
        variable.remove_prefix(end == std::string_view::npos ? variable.size() : end + 1);
        if (entry.empty()) continue;
        const auto named = "SERVER_STARTER_PORT: " + std::string{entry};
        const auto equals = entry.rfind('=');
        const auto fd = parse_int(equals == std::string_view::npos ? std::string_view{}
                                                                   : entry.substr(equals + 1));
        if (!fd) throw std::runtime_error{named + " is not of the form host:port=descriptor"};
        sockets.push_back(inherit(*fd, named));
    }
    return sockets;
}

std::vector<net::UniqueFd> from_systemd(const std::string& variable, int first_fd) {
    const auto count = parse_int(variable);
    if (!count || *count > std::numeric_limits<int>::max() - first_fd) {
        throw std::runtime_error{"LISTEN_FDS=" + variable + " is not a number of descriptors"};
    }
    std::vector<net::UniqueFd> sockets;
    for (int fd = first_fd; fd < first_fd + *count; ++fd) {
        sockets.push_back(
            inherit(fd, "LISTEN_FDS=" + variable + ": descriptor " + std::to_string(fd)));
    }
    return sockets;
}

}  // namespace

std::vector<net::UniqueFd> inherited_sockets(int first_fd) {
    const auto server_starter = take_variable("SERVER_STARTER_PORT");
    const auto listen_pid = take_variable("LISTEN_PID");
    const auto listen_fds = take_variable("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!server_starter.empty()) return from_server_starter(server_starter);
    // Variables of another process, left over in our environment, are not meant for us.
    if (listen_fds.empty() || listen_pid != std::to_string(getpid())) return {};
    return from_systemd(listen_fds, first_fd);
}

std::vector<net::Endpoint> endpoints_of(const std::vector<net::UniqueFd>& sockets) {
    std::vector<net::Endpoint> endpoints;
    for (const auto& socket : sockets) {
        const auto endpoint = net::local_endpoint(socket.get());
        if (!endpoint) {
            throw std::runtime_error{"getsockname: " + std::system_category().message(errno)};
        }
        endpoints.push_back(*endpoint);
    }
    return endpoints;
}

std::vector<std::uint16_t> ports_of(const std::vector<net::UniqueFd>& sockets) {
    std::vector<std::uint16_t> ports;
    for (const auto& endpoint : endpoints_of(sockets)) ports.push_back(endpoint.port);
    return ports;
}

}  // namespace nikawa::daemon
