#include "nikawa/proxy/rewrite.hpp"

#include <algorithm>
#include <cstdint>

#include "nikawa/base/library_category.hpp"
#include "nikawa/http/connection_specific.hpp"

namespace nikawa::proxy {
namespace {

using http::Field;
using http::FieldBlock;
using http::FieldId;
using http::is_connection_specific;

// More names than any message lists; those beyond are taken for no names, because each costs a look
// at every field.
constexpr std::size_t most_listed = 64;

// Names that Connection lists although a message needs them, or although they guard against loops:
// a sender that does so errs or attacks, and the field stays. The request id is for the whole way.
bool is_never_dropped(FieldId id, std::string_view name, const Identity& identity) {
    switch (id) {
        case FieldId::content_length:
        case FieldId::host:
        case FieldId::max_forwards:
        case FieldId::via: return true;
        default: return http::equal_ignoring_case(name, identity.request_id_field);
    }
}

// The names listed in Connection fields that are not connection-specific by themselves; nearly
// always there are none.
std::string listed_in_connection(const FieldBlock& fields, const Identity& identity) {
    std::string listed;
    std::size_t count = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].id != FieldId::connection) continue;
        http::for_each_in_list(fields[i].value, [&](std::string_view name) {
            if (count == most_listed) return;
            const auto id = http::field_id(name);
            const bool is_option = http::equal_ignoring_case(name, "close");
            if (is_option || is_connection_specific(id)) return;
            if (is_never_dropped(id, name, identity)) return;
            listed.append(name).push_back(',');
            ++count;
        });
    }
    return listed;
}

template <class Drop>
void drop_hop_by_hop(FieldBlock& fields, const Identity& identity, Drop drop_also) {
    const auto listed =
        fields.find(FieldId::connection) ? listed_in_connection(fields, identity) : std::string{};
    fields.remove_if([&](const Field& field) {
        return is_connection_specific(field.id) || drop_also(field) ||
               (!listed.empty() && http::is_listed(listed, field.name));
    });
}

std::string_view version_text(http::Version version) {
    switch (version) {
        case http::Version::http_1_0: return "1.0 ";
        case http::Version::http_1_1: return "1.1 ";
        case http::Version::http_2: return "2 ";
    }
    return "";
}

// RFC 9110 §7.6.3: one entry for each recipient, in a field line of its own.
void add_via(FieldBlock& fields, http::Version received, std::string_view via_name) {
    std::string entry{version_text(received)};
    fields.add("Via", entry.append(via_name));
}

enum class TargetFault : std::uint8_t { form = 1, fragment };

std::string target_words(int code) {
    switch (static_cast<TargetFault>(code)) {
        case TargetFault::form:
            return "its target is neither a path nor an http:// or https:// URL";
        case TargetFault::fragment:
            return "its target has a fragment: leave out the # and what is behind it";
    }
    return {};
}

constexpr LibraryCategory target_category{"target", target_words};

Failure bad_target(TargetFault fault) {
    return {Errc::bad_head, Side::client, {static_cast<int>(fault), target_category}};
}

// Nothing for a target that is none of ours.
std::optional<mapping::HostForm> absolute_form(std::string_view target) {
    const auto begins_with = [&](std::string_view scheme) {
        return http::equal_ignoring_case(target.substr(0, scheme.size()), scheme);
    };
    if (begins_with("http://")) return mapping::HostForm::absolute;
    if (begins_with("https://")) return mapping::HostForm::absolute_https;
    return std::nullopt;
}

}  // namespace

Result<mapping::HostForm> normalize_target(http::RequestHead& head) {
    using mapping::HostForm;
    const std::string_view target = head.target;
    // CONNECT has a form of its own, and an answer that would turn a pooled connection into a
    // tunnel (RFC 9110 §9.3.6). A fragment is never sent (RFC 9112 §3.2).
    if (head.method == "CONNECT") return Failure{Errc::tunnel_refused, Side::client};
    if (target.find('#') != target.npos) return bad_target(TargetFault::fragment);
    if (target.starts_with('/')) return HostForm::host_field;
    if (target == "*") {
        if (head.method != "OPTIONS") return bad_target(TargetFault::form);
        return HostForm::host_field;
    }
    const auto form = absolute_form(target);
    if (!form) return bad_target(TargetFault::form);
    const auto rest = target.substr(target.find("//") + 2);
    const auto authority = rest.substr(0, rest.find_first_of("/?"));
    // The Host that is replaced is checked all the same (RFC 9112 §3.2).
    if (const auto host = head.fields.find(FieldId::host)) {
        const auto checked = mapping::check_host(*host);
        if (!checked) return checked.error();
    }
    head.fields.set("Host", authority);
    const auto checked = mapping::check_host(authority);
    if (!checked) return checked.error();
    const auto path_and_query = rest.substr(authority.size());
    const bool is_scheme = authority == "http:" || authority == "https:";
    if (is_scheme && path_and_query.starts_with("//")) {  // "http://https://...", typed twice
        return mapping::bad_host(mapping::HostFault::url);
    }
    std::string target_now{path_and_query.starts_with('/') ? "" : "/"};
    target_now.append(path_and_query);
    if (path_and_query.empty() && head.method == "OPTIONS")
        target_now.assign(1, '*');  // RFC 9112 §3.2.4
    head.target = std::move(target_now);
    return *form;
}

bool is_loop(const http::RequestHead& head, std::string_view via_name) {
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const Field field = head.fields[i];
        if (field.id == FieldId::x_chocon_ver) return true;
        if (field.id != FieldId::via) continue;
        bool ours = false;
        http::for_each_in_list(field.value, [&](std::string_view entry) {
            const auto name = entry.substr(std::min(entry.find(' '), entry.size() - 1) + 1);
            ours |= name.substr(0, name.find(' ')) == via_name;
        });
        if (ours) return true;
    }
    return false;
}

void to_origin(http::RequestHead& head,
               std::string_view host,
               std::string_view request_id,
               const Identity& identity) {
    // The one thing that TE says over HTTP/2 (RFC 9113 §8.2.2); gRPC's origins insist on it. We can
    // pass trailers on whether or not the client wants them.
    const bool takes_trailers = head.fields.lists(FieldId::te, "trailers");
    drop_hop_by_hop(head.fields, identity, [](const Field& field) {
        return field.id == FieldId::expect || field.id == FieldId::proxy_authorization;
    });
    if (takes_trailers) head.fields.add("TE", "trailers");
    head.fields.set("Host", host);
    head.fields.set(identity.request_id_field, request_id);
    add_via(head.fields, head.version, identity.via_name);
}

void to_client(http::ResponseHead& head, std::string_view request_id, const Identity& identity) {
    drop_hop_by_hop(head.fields, identity, [](const Field& field) {
        return field.id == FieldId::proxy_authenticate;
    });
    head.fields.set(identity.request_id_field, request_id);
    add_via(head.fields, head.version, identity.via_name);
}

}  // namespace nikawa::proxy
