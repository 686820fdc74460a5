#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nikawa/http/field_block.hpp"

namespace nikawa::http {

enum class Version : std::uint8_t { http_1_0, http_1_1, http_2 };

/// The control data and fields of a request, neutral of protocol (RFC 9110 §6.2). Over HTTP/2 the
/// authority stands in `fields` as Host, like everywhere else in nikawa.
struct RequestHead {
    std::string method;
    std::string target;  ///< as the client sent it, byte for byte
    Version version = Version::http_1_1;
    FieldBlock fields;

    /// Empties it and keeps its memory.
    void clear() {
        method.clear();
        target.clear();
        version = Version::http_1_1;
        fields.clear();
    }
};

/// The status and fields of a response.
struct ResponseHead {
    unsigned status = 0;
    std::string reason;  ///< as the origin sent it; empty over HTTP/2
    Version version = Version::http_1_1;
    FieldBlock fields;

    void clear() {
        status = 0;
        reason.clear();
        version = Version::http_1_1;
        fields.clear();
    }
};

/// The registered reason phrase of a status (RFC 9110 §15); empty for an unknown one.
std::string_view reason_phrase(unsigned status);

}  // namespace nikawa::http
