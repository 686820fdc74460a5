#include "nikawa/http/h2_error.hpp"

#include <iterator>
#include <string>
#include <string_view>

#include "nikawa/base/library_category.hpp"

namespace nikawa::http {
namespace {

// RFC 9113 §7, by their numbers.
constexpr std::string_view names[] = {
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
};

std::string name_of(int code) {
    const auto index = static_cast<std::uint32_t>(code);
    if (index < std::size(names)) return std::string{names[index]};
    return "error " + std::to_string(index);
}

}  // namespace

boost::system::error_code h2_error(std::uint32_t code) {
    static const LibraryCategory category{"http2", name_of};
    return {static_cast<int>(code), category};
}

}  // namespace nikawa::http
