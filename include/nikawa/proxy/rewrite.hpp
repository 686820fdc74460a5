#pragma once

#include <string>
#include <string_view>

#include "nikawa/base/result.hpp"
#include "nikawa/http/head.hpp"
#include "nikawa/mapping/host_mapper.hpp"

namespace nikawa::proxy {

/// What we put into the messages we forward.
struct Identity {
    std::string via_name;          ///< our token in Via: tells this daemon from every other
    std::string request_id_field;  ///< "X-Chocon-Id"
};

/// Takes the authority out of an absolute-form target (RFC 9112 §3.2.2), of http or https: it
/// stands in Host afterwards, whatever Host said, and the target is in origin-form. Other forms
/// stay as they are. Says how Host is to be read, then. Errors: bad_head for a target that is
/// neither origin-form, absolute nor `*` of OPTIONS, and for one with a fragment; bad_host for an
/// absolute one whose authority is no host, or that has such a Host beside it (which of the two it
/// was stands in Host then); tunnel_refused for CONNECT.
Result<mapping::HostForm> normalize_target(http::RequestHead& head);

/// Whether a request has been here before: our own Via entry, or chocon's X-Chocon-Ver.
bool is_loop(const http::RequestHead& head, std::string_view via_name);

/// Makes a client's request the one for the origin (RFC 9110 §7.6): connection-specific fields and
/// those that Connection names go, as do Expect (answered by us) and the proxy's own credentials;
/// Host is `host`; `request_id`, which must not point into `head`, is the one value of its field;
/// our Via entry is added. All else stays, in its order.
void to_origin(http::RequestHead& head,
               std::string_view host,
               std::string_view request_id,
               const Identity& identity);

/// Makes an origin's response the one for the client: connection-specific fields go, the request id
/// and our Via entry are added. All else stays, in its order.
void to_client(http::ResponseHead& head, std::string_view request_id, const Identity& identity);

}  // namespace nikawa::proxy
