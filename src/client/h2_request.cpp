#include "client/h2_request.hpp"

#include <string>

#include "nikawa/http/h1_body_decoder.hpp"

namespace nikawa::client {
namespace {

// What a field counts beside its name and value (RFC 9113 §6.5.2).
constexpr std::size_t field_overhead = 32;

using http::FieldId;

}  // namespace

void H2Request::start() {
    head_.clear();
    head_.version = http::Version::http_2;
    bytes_ = fields_ = 0;
    failure_.reset();
}

bool H2Request::is_within_limits(Bytes name, Bytes value) {
    bytes_ += name.size() + value.size() + field_overhead;
    fields_ += name.starts_with(':') ? 0 : 1;
    return bytes_ <= limits_.head_bytes && fields_ <= limits_.fields;
}

void H2Request::take_field(Bytes name, Bytes value) {
    const bool is_target = name == ":path";
    if (is_target && head_.method.size() + value.size() > limits_.start_line_bytes) {
        return refuse(Errc::target_too_long);
    }
    if (!is_within_limits(name, value)) return refuse(Errc::head_too_large);
    if (name.starts_with(':')) return take_pseudo_field(name, value);
    if (http::field_id(name) == FieldId::host) return take_host(value);
    head_.fields.add(name, value);
}

void H2Request::take_pseudo_field(Bytes name, Bytes value) {
    if (name == ":method") {
        head_.method = value;
    } else if (name == ":path") {
        head_.target = value;
    } else if (name == ":authority") {
        take_host(value);
    } else if (name == ":scheme") {
        // Whoever comes through something that ended TLS says https. It is the Host that says by
        // which scheme the origin is reached.
        const bool is_known =
            http::equal_ignoring_case(value, "http") || http::equal_ignoring_case(value, "https");
        if (!is_known) refuse(Errc::bad_head);
    } else {
        refuse(Errc::bad_head);
    }
}

// Two of them that differ name nobody for certain (RFC 9113 §8.3.1).
void H2Request::take_host(Bytes value) {
    const auto host = head_.fields.find(FieldId::host);
    if (!host) return head_.fields.add("Host", value);
    if (!http::equal_ignoring_case(*host, value)) refuse(Errc::bad_head);
}

// RFC 9113 §8.2.3: for who does not know of crumbs.
void H2Request::join_cookies() {
    if (head_.fields.count(FieldId::cookie) < 2) return;
    std::string joined;
    for (std::size_t i = 0; i < head_.fields.size(); ++i) {
        if (head_.fields[i].id != FieldId::cookie) continue;
        if (!joined.empty()) joined.append("; ");
        joined.append(head_.fields[i].value);
    }
    head_.fields.set("Cookie", joined);
}

Result<http::BodyFraming> H2Request::finish(bool is_end) {
    bytes_ = fields_ = 0;
    const bool is_connect = head_.method == "CONNECT";  // without a path, RFC 9113 §8.5
    if (is_connect) head_.target = head_.fields.find(FieldId::host).value_or("");
    const bool has_target = is_connect || head_.target.starts_with('/') || head_.target == "*";
    if (!has_target || !head_.fields.find(FieldId::host)) refuse(Errc::bad_head);
    if (failure_) return *failure_;
    if (is_connect) return http::BodyFraming{http::NoBody{}};
    join_cookies();

    const auto lengths = head_.fields.count(FieldId::content_length);
    if (lengths == 0 && is_end) return http::BodyFraming{http::NoBody{}};
    if (lengths == 0) return http::BodyFraming{http::Chunked{}};
    const auto bytes = http::parse_decimal(*head_.fields.find(FieldId::content_length));
    if (lengths > 1 || !bytes || (is_end && *bytes != 0)) {
        return Failure{Errc::bad_framing, Side::client};
    }
    return http::BodyFraming{http::Sized{*bytes}};
}

bool H2Request::take_trailer(Bytes name, Bytes value, http::FieldBlock& trailers) {
    if (!is_within_limits(name, value)) return false;
    if (http::may_be_trailer({http::field_id(name), name, value})) trailers.add(name, value);
    return true;
}

}  // namespace nikawa::client
