#include "nikawa/mapping/host_fault.hpp"

#include <string>

#include "nikawa/base/library_category.hpp"

namespace nikawa::mapping {
namespace {

std::string words(int code) {
    switch (static_cast<HostFault>(code)) {
        case HostFault::empty: return "it is empty or missing";
        case HostFault::unmarked: return "no marker label is behind the name";
        case HostFault::url:
            return "it is a URL or has a path: write the name alone, without https:// and without "
                   "what is behind the name";
        case HostFault::userinfo:
            return "a user's name or password is before the name: leave out all up to the @";
        case HostFault::not_ascii:
            return "the name is not ASCII: write its A-label, which begins with xn--";
        case HostFault::port_before_marker:
            return "the port is before the marker label: write it behind all labels";
        case HostFault::port: return "the port is none of 1 to 65535";
        case HostFault::nothing_marked:
            return "nothing is before the marker label: write the origin's name there";
        case HostFault::empty_label: return "the name has a dot too many: a label of it is empty";
        case HostFault::too_long:
            return "the name is too long: a label may have 63 bytes, the name 253";
        case HostFault::odd_byte:
            return "the name has a character other than letters, digits, hyphens and dots";
        case HostFault::ipv6_address: return "what is in brackets is no IPv6 address";
        case HostFault::ipv4_address:
            return "the name ends in a number, but is no IPv4 address: write that as four decimal "
                   "numbers";
    }
    return {};
}

constexpr LibraryCategory host_category{"host", words};

}  // namespace

Failure bad_host(HostFault fault) {
    return {Errc::bad_host, Side::client, {static_cast<int>(fault), host_category}};
}

}  // namespace nikawa::mapping
