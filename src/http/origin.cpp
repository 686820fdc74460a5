#include "nikawa/http/origin.hpp"

namespace nikawa::http {

std::string Origin::authority() const {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    std::string text;
    text.reserve(host.size() + sizeof "[]:65535");
    if (is_ipv6) text += '[';
    text += host;
    if (is_ipv6) text += ']';
    if (port != default_port(scheme)) {
        text += ':';
        text += std::to_string(port);
    }
    return text;
}

std::string Origin::to_string() const {
    return (scheme == Scheme::https ? "https://" : "http://") + authority();
}

}  // namespace nikawa::http
