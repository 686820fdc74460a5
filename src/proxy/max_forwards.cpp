#include "proxy/max_forwards.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "nikawa/http/body_framing.hpp"

namespace nikawa::proxy {
namespace {

using http::FieldId;

bool is_number(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::uint64_t number_in(std::string_view digits) {
    return http::parse_decimal(digits).value_or(std::numeric_limits<std::uint64_t>::max());
}

// The field, where it means anything.
std::optional<std::string_view> max_forwards(const http::RequestHead& head) {
    if (head.method != "OPTIONS" && head.method != "TRACE") return std::nullopt;
    return head.fields.find(FieldId::max_forwards);
}

bool holds_credentials(const http::Field& field) {
    return field.id == FieldId::cookie || field.id == FieldId::proxy_authorization ||
           http::equal_ignoring_case(field.name, "Authorization");
}

// RFC 9110 §9.3.8; its media type is defined in RFC 9112 §10.1.
std::string reflection(const http::RequestHead& head) {
    std::string text{head.method};
    text.append(" ").append(head.target).append(" HTTP/1.");
    text.append(head.version == http::Version::http_1_0 ? "0\r\n" : "1\r\n");
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const http::Field field = head.fields[i];
        if (holds_credentials(field)) continue;
        text.append(field.name).append(": ").append(field.value).append("\r\n");
    }
    return text.append("\r\n");
}

}  // namespace

Result<Reach> reach_of(const http::RequestHead& head) {
    const auto value = max_forwards(head);
    if (!value) return Reach::origin;
    if (!is_number(*value) || head.fields.count(FieldId::max_forwards) != 1) {
        return Failure{Errc::bad_head, Side::client};
    }
    return number_in(*value) == 0 ? Reach::here : Reach::origin;
}

void count_down_forwards(http::RequestHead& head) {
    const auto value = max_forwards(head);
    if (value) head.fields.set("Max-Forwards", std::to_string(number_in(*value) - 1));
}

OwnAnswer final_answer(const http::RequestHead& head) {
    OwnAnswer answer;
    answer.head.status = 200;
    if (head.method == "TRACE") {
        answer.head.fields.add("Content-Type", "message/http");
        answer.body = reflection(head);
    } else {
        answer.head.fields.add("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH");
    }
    answer.head.fields.add("Content-Length", std::to_string(answer.body.size()));
    return answer;
}

}  // namespace nikawa::proxy
