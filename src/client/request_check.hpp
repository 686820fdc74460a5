#pragma once

#include "nikawa/client/client_connection.hpp"

namespace nikawa::client {

/// What a request whose head can be read must fulfil over any version of HTTP, `framing` being that
/// of its body: what it expects (RFC 9110 §10.1.1), and how large it says it is. A length that
/// could be read in two ways is written anew. Errors: bad_expectation, body_too_large.
Result<void> check_request(http::RequestHead& head,
                           const http::BodyFraming& framing,
                           const ClientLimits& limits);

/// Whether the client waits to be told to go on and send the body (RFC 9110 §10.1.1); one of
/// HTTP/1.0 cannot mean it.
bool waits_for_continue(const http::RequestHead& head);

}  // namespace nikawa::client
