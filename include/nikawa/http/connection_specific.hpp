#pragma once

#include "nikawa/http/field_block.hpp"

namespace nikawa::http {

/// Whether a field is for one connection, whether Connection lists it or not (RFC 9110 §7.6.1 and
/// what came before it). TE and Transfer-Encoding describe one hop, and framing is written anew for
/// the next.
constexpr bool is_connection_specific(FieldId id) {
    switch (id) {
        case FieldId::connection:
        case FieldId::http2_settings:
        case FieldId::keep_alive:
        case FieldId::proxy_connection:
        case FieldId::te:
        case FieldId::transfer_encoding:
        case FieldId::upgrade: return true;
        default: return false;
    }
}

}  // namespace nikawa::http
