#include <arpa/inet.h>

#include <array>
#include <cstring>
#include <string>

#include "fuzz/fuzz_target.hpp"
#include "nikawa/mapping/host_mapper.hpp"

namespace nikawa::fuzz {
namespace {

using mapping::HostForm;

/// An IPv6 address by its one text, or a name that a resolver, SNI and a Host field take as it is.
void require_host(const std::string& host) {
    in6_addr address{};
    if (inet_pton(AF_INET6, host.c_str(), &address) == 1) {
        std::array<char, INET6_ADDRSTRLEN> text{};
        inet_ntop(AF_INET6, &address, text.data(), text.size());
        return require(host == text.data());
    }
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
    // A number to whoever looks it up is an address as it is written.
    in_addr number{};
    const bool is_number = inet_aton(host.c_str(), &number) != 0;
    require(!is_number || inet_pton(AF_INET, host.c_str(), &number) == 1);
}

const mapping::HostRules& rules() {
    const auto hosts = [](const char* text) { return http::HostPattern::parse(text).value(); };
    static const mapping::HostRules all{
        .map = {{hosts("*.m"), http::Scheme::https, {}, {}},
                {hosts("n"), http::Scheme::http, "o.example", 8080}},
        .https_for = {hosts("*.s"), hosts("::1")},
        .own_ports = {3000}};
    return all;
}

/// A tunnel leads to where an absolute target does that nothing is said about.
void require_the_same_of_a_tunnel(std::string_view host) {
    const auto origin = mapping::map_host(
        host, {.https_markers = {}, .http_markers = {}, .own_ports = {}}, HostForm::absolute);
    const auto tunnel = mapping::host_and_port(host);
    require(origin.has_value() == tunnel.has_value());
    if (!tunnel) return;
    require(origin->host == tunnel->host && origin->port == tunnel->port.value_or(80));
    require(mapping::check_host(host).has_value());
}

/// What was found is found again by its own text, and the markers say it of any name.
void require_to_be_found_again(const http::Origin& origin) {
    const bool is_https = origin.scheme == http::Scheme::https;
    const auto form = is_https ? HostForm::absolute_https : HostForm::absolute;
    const auto again = mapping::map_host(origin.authority(), mapping::HostRules{}, form);
    // A name may hold a marker, which had been followed by another one.
    if (origin.host.find("ccnproxy") == std::string::npos) require(again && *again == origin);
    if (origin.host.find(':') != std::string::npos || origin.port == 3000) return;

    const std::string marked =
        origin.host + (is_https ? ".ccnproxy-https:" : ".ccnproxy:") + std::to_string(origin.port);
    for (const auto any : {HostForm::host_field, HostForm::absolute, HostForm::absolute_https}) {
        const auto by_marker = mapping::map_host(marked, rules(), any);
        require(by_marker && *by_marker == origin);
    }
}

}  // namespace
}  // namespace nikawa::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nikawa;
    using mapping::HostForm;
    const auto host = fuzz::text(data, size);
    fuzz::require_the_same_of_a_tunnel(host);
    std::size_t taken = 0;
    for (const auto form : {HostForm::host_field, HostForm::absolute, HostForm::absolute_https}) {
        const auto origin = mapping::map_host(host, fuzz::rules(), form);
        if (!origin) {
            fuzz::require(origin.error().code == Errc::bad_host && origin.error().cause);
            continue;
        }
        ++taken;
        fuzz::require_host(origin->host);
        fuzz::require(origin->port != 0);
        if (form == HostForm::host_field) fuzz::require(origin->port != 3000);
        fuzz::require_to_be_found_again(*origin);
    }
    // What a Host field may say an absolute target may, too, and those say the same of what is a
    // host.
    const bool in_a_field =
        mapping::map_host(host, fuzz::rules(), HostForm::host_field).has_value();
    fuzz::require(taken == 0 || taken == 2 + (in_a_field ? 1U : 0U));
    return 0;
}
