#include "proxy/upgrade.hpp"

namespace nikawa::proxy {
namespace {

using http::FieldId;

bool is_of_one_hop(std::string_view protocol) {
    const auto name = protocol.substr(0, protocol.find('/'));
    for (const std::string_view hop : {"h2", "h2c", "http", "tls"}) {
        if (http::equal_ignoring_case(name, hop)) return true;
    }
    return false;
}

template <class Visit>
void for_each_protocol(const http::FieldBlock& fields, Visit visit) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].id == FieldId::upgrade) http::for_each_in_list(fields[i].value, visit);
    }
}

std::string joined_to(std::string list, std::string_view element) {
    if (!list.empty()) list.append(", ");
    return list.append(element);
}

std::string protocols_for_the_whole_way(const http::FieldBlock& fields) {
    std::string protocols;
    for_each_protocol(fields, [&](std::string_view protocol) {
        if (!is_of_one_hop(protocol)) protocols = joined_to(std::move(protocols), protocol);
    });
    return protocols;
}

}  // namespace

std::string requested_upgrade(const http::RequestHead& head) {
    const bool asks = head.version == http::Version::http_1_1 &&
                      head.fields.find(FieldId::upgrade) &&
                      head.fields.lists(FieldId::connection, "upgrade");
    return asks ? protocols_for_the_whole_way(head.fields) : std::string{};
}

std::string required_upgrade(const http::ResponseHead& head) {
    constexpr unsigned upgrade_required = 426;
    return head.status == upgrade_required ? protocols_for_the_whole_way(head.fields)
                                           : std::string{};
}

void add_upgrade(http::FieldBlock& fields, std::string_view protocols) {
    fields.add("Connection", "Upgrade");
    fields.add("Upgrade", protocols);
}

std::optional<std::string> agreed_upgrade(const http::ResponseHead& head, std::string_view asked) {
    std::string agreed;
    bool is_asked = head.fields.lists(FieldId::connection, "upgrade");
    for_each_protocol(head.fields, [&](std::string_view protocol) {
        is_asked = is_asked && http::is_listed(asked, protocol);
        agreed = joined_to(std::move(agreed), protocol);
    });
    if (!is_asked || agreed.empty()) return std::nullopt;
    return agreed;
}

}  // namespace nikawa::proxy
