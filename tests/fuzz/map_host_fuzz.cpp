#include <string>

#include "fuzz/fuzz_target.hpp"
#include "nikawa/mapping/host_mapper.hpp"

namespace nikawa::fuzz {
namespace {

/// A name that a resolver, SNI and a Host field take as it is.
void require_host(Bytes host) {
    require(!host.empty() && host.size() <= 253);
    std::size_t label_bytes = 0;
    for (const char c : host) {
        if (c == '.') {
            require(label_bytes > 0);
            label_bytes = 0;
            continue;
        }
        require((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
        require(++label_bytes <= 63);
    }
    require(label_bytes > 0);
}

}  // namespace
}  // namespace nikawa::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nikawa;
    const mapping::HostRules rules{.own_ports = {3000}};
    const auto origin = mapping::map_host(fuzz::text(data, size), rules);
    if (!origin) {
        fuzz::require(origin.error() == Failure{Errc::bad_host, Side::client});
        return 0;
    }
    fuzz::require_host(origin->host);
    fuzz::require(origin->port != 0 && origin->port != 3000);

    const bool secure = origin->scheme == http::Scheme::https;
    const std::string field =
        origin->host + (secure ? ".ccnproxy-https:" : ".ccnproxy:") + std::to_string(origin->port);
    const auto again = mapping::map_host(field, rules);
    fuzz::require(again && *again == *origin);
    return 0;
}
