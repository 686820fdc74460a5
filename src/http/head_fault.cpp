#include "nikawa/http/head_fault.hpp"

#include <string>

#include "nikawa/base/library_category.hpp"

namespace nikawa::http {
namespace {

std::string words(int code) {
    switch (static_cast<HeadFault>(code)) {
        case HeadFault::tls:
            return "the client speaks TLS to a plain-HTTP port: let it use http:// in place of "
                   "https://, in http_proxy and https_proxy, too";
        case HeadFault::socks:
            return "the client speaks SOCKS to an HTTP port: let it use an http:// proxy";
        case HeadFault::proxy_protocol:
            return "it begins with the PROXY protocol's header, which is not understood here: "
                   "switch that off in the load balancer";
        case HeadFault::no_host: return "it has no Host";
        case HeadFault::several_hosts: return "it has more than one Host";
    }
    return {};
}

constexpr LibraryCategory head_category{"head", words};

}  // namespace

Failure bad_head(HeadFault fault) {
    return {Errc::bad_head, Side::client, {static_cast<int>(fault), head_category}};
}

}  // namespace nikawa::http
