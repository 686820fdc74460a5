#include "client/request_check.hpp"

#include <string>

namespace nikawa::client {
namespace {

// Whether Expect says more than that the client waits for 100 Continue. We take the field away, so
// nobody else could refuse it (RFC 9110 §10.1.1). HTTP/1.0 does not know it.
bool expects_the_unknown(const http::RequestHead& head) {
    if (head.version == http::Version::http_1_0) return false;
    bool is_unknown = false;
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        if (head.fields[i].id != http::FieldId::expect) continue;
        http::for_each_in_list(head.fields[i].value, [&](std::string_view expectation) {
            is_unknown |= !http::equal_ignoring_case(expectation, "100-continue");
        });
    }
    return is_unknown;
}

}  // namespace

Result<void> check_request(http::RequestHead& head,
                           const http::BodyFraming& framing,
                           const ClientLimits& limits) {
    if (expects_the_unknown(head)) return Failure{Errc::bad_expectation, Side::client};
    const auto* const sized = std::get_if<http::Sized>(&framing);
    if (sized == nullptr) return {};
    if (limits.body_bytes > 0 && sized->bytes > limits.body_bytes) {
        return Failure{Errc::body_too_large, Side::client};
    }
    // Who reads "010" as an octal number would find another end (RFC 9112 §11.2).
    if (head.fields.find(http::FieldId::content_length)->starts_with('0')) {
        head.fields.set("Content-Length", std::to_string(sized->bytes));
    }
    return {};
}

bool waits_for_continue(const http::RequestHead& head) {
    return head.version != http::Version::http_1_0 &&
           head.fields.lists(http::FieldId::expect, "100-continue");
}

}  // namespace nikawa::client
