#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nikawa/http/head.hpp"

namespace nikawa::proxy {

/// The protocols that a request asks to switch to (RFC 9110 §7.8), as one list, less those that are
/// a matter of one hop: HTTP in other versions (RFC 9113 §3.1) and TLS (RFC 2817). Empty if it asks
/// for none that can be passed on.
std::string requested_upgrade(const http::RequestHead& head);

/// Asks, or agrees, to switch to `protocols`; once the fields of the hop before are gone.
void add_upgrade(http::FieldBlock& fields, std::string_view protocols);

/// What a 426 says that the request would have to switch to (RFC 9110 §15.5.22), less the same.
/// Empty in any other response.
std::string required_upgrade(const http::ResponseHead& head);

/// What a 101 switches to, as it says itself; nothing unless it says so in both fields, and that it
/// is of what was asked for.
std::optional<std::string> agreed_upgrade(const http::ResponseHead& head, std::string_view asked);

}  // namespace nikawa::proxy
