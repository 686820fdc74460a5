#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>

namespace nikawa::http {

/// An error code of HTTP/2 (RFC 9113 §7) as the cause of a failure: "PROTOCOL_ERROR".
boost::system::error_code h2_error(std::uint32_t code);

}  // namespace nikawa::http
