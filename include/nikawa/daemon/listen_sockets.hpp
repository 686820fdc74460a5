#pragma once

#include <cstdint>
#include <vector>

#include "nikawa/net/endpoint.hpp"
#include "nikawa/net/unique_fd.hpp"

namespace nikawa::daemon {

/// The first descriptor that systemd hands over (sd_listen_fds(3)).
constexpr int first_systemd_fd = 3;

/// The listening TCP sockets that whoever started us has opened: Server::Starter
/// (SERVER_STARTER_PORT) or systemd (LISTEN_FDS, LISTEN_PID). Empty when there are none. They do
/// not block and are closed on exec; the variables are unset, so that no child takes them for its
/// own. `first_fd` is another one only in tests.
/// Throws std::runtime_error that names the variable and the socket we cannot use.
std::vector<net::UniqueFd> inherited_sockets(int first_fd = first_systemd_fd);

/// Where listening sockets are bound, in their order.
std::vector<net::Endpoint> endpoints_of(const std::vector<net::UniqueFd>& sockets);

/// Their ports.
std::vector<std::uint16_t> ports_of(const std::vector<net::UniqueFd>& sockets);

}  // namespace nikawa::daemon
