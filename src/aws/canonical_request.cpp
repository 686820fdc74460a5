#include "aws/canonical_request.hpp"

#include <algorithm>
#include <utility>

#include "aws/query.hpp"

namespace nikawa::aws {
namespace {

constexpr std::array s3_forms{PathForm::encoded_once,
                              PathForm::as_it_stands,
                              PathForm::encoded_once_slashes,
                              PathForm::encoded_once_plus};
constexpr std::array other_forms{PathForm::encoded_again,
                                 PathForm::encoded_again_as_is,
                                 PathForm::encoded_twice,
                                 PathForm::encoded_once};

/// RFC 3986 §5.2.4, and empty segments go.
std::string normalized(std::string_view path) {
    std::vector<std::string_view> segments;
    bool ends_with_slash = true;
    for (std::size_t at = 0; at < path.size();) {
        const auto end = std::min(path.find('/', at), path.size());
        const auto segment = path.substr(at, end - at);
        ends_with_slash = end < path.size();
        at = end + 1;
        if (segment.empty() || segment == ".") continue;
        if (segment != "..") {
            segments.push_back(segment);
        } else if (!segments.empty()) {
            segments.pop_back();
        }
    }
    std::string text;
    for (const auto segment : segments) text.append("/").append(segment);
    if (ends_with_slash || text.empty()) text.push_back('/');
    return text;
}

/// Decoded and encoded again, segment by segment.
void append_encoded_once(std::string& out, std::string_view path, Plus plus) {
    for (;;) {
        const auto slash = path.find('/');
        append_percent_encoded(out, percent_decoded(path.substr(0, slash), plus), Slash::encoded);
        if (slash == path.npos) return;
        out.push_back('/');
        path.remove_prefix(slash + 1);
    }
}

std::string recoded(std::string_view text, QueryForm form) {
    if (form == QueryForm::as_it_stands) return std::string{text};
    const Plus plus = form == QueryForm::plus_is_plus ? Plus::itself : Plus::space;
    std::string out;
    append_percent_encoded(out, percent_decoded(text, plus), Slash::encoded);
    return out;
}

/// Trimmed, and runs of blanks inside are one.
void append_folded(std::string& out, std::string_view value) {
    bool is_first = true;
    for (std::size_t at = 0; at < value.size();) {
        const auto begin = value.find_first_not_of(" \t", at);
        if (begin == value.npos) return;
        const auto end = std::min(value.find_first_of(" \t", begin), value.size());
        if (!is_first) out.push_back(' ');
        is_first = false;
        out.append(value.substr(begin, end - begin));
        at = end;
    }
}

}  // namespace

bool is_s3_family(std::string_view service) {
    return service == "s3" || service == "s3express" || service == "s3-outposts" ||
           service == "s3-object-lambda";
}

std::span<const PathForm> path_forms(std::string_view service) {
    if (is_s3_family(service)) return s3_forms;
    return other_forms;
}

void append_path(std::string& out, std::string_view path, PathForm form) {
    switch (form) {
        case PathForm::encoded_once: append_encoded_once(out, path, Plus::itself); return;
        case PathForm::as_it_stands: out.append(path); return;
        case PathForm::encoded_once_slashes:
            append_percent_encoded(out, percent_decoded(path, Plus::itself), Slash::kept);
            return;
        case PathForm::encoded_once_plus: append_encoded_once(out, path, Plus::space); return;
        case PathForm::encoded_again:
            append_percent_encoded(out, normalized(path), Slash::kept);
            return;
        case PathForm::encoded_again_as_is: append_percent_encoded(out, path, Slash::kept); return;
        case PathForm::encoded_twice: {
            std::string once;
            append_encoded_once(once, path, Plus::itself);
            append_percent_encoded(out, normalized(once), Slash::kept);
            return;
        }
    }
}

void append_query(std::string& out, std::string_view query, Placement placement, QueryForm form) {
    const bool is_presigned = placement == Placement::query;
    std::vector<std::pair<std::string, std::string>> parameters;
    const auto take = [&](const Parameter& parameter) {
        if (is_presigned && is_named(parameter, "X-Amz-Signature")) return;
        const bool has_no_token = is_presigned && form == QueryForm::without_token;
        if (has_no_token && is_named(parameter, "X-Amz-Security-Token")) return;
        parameters.emplace_back(recoded(parameter.name, form), recoded(parameter.value, form));
    };
    const bool is_as_it_stands = form == QueryForm::as_it_stands;
    for_each_parameter(query, take, is_as_it_stands ? EmptyPiece::parameter : EmptyPiece::skipped);
    std::ranges::sort(parameters);
    const char* separator = "";
    for (const auto& [name, value] : parameters) {
        out.append(separator).append(name).append("=").append(value);
        separator = "&";
    }
}

void append_fields(std::string& out,
                   const http::FieldBlock& fields,
                   const std::vector<std::string>& signed_headers) {
    for (const std::string& name : signed_headers) {
        out.append(name).push_back(':');
        const char* separator = "";
        for (std::size_t i = 0; i < fields.size(); ++i) {
            if (!http::equal_ignoring_case(fields[i].name, name)) continue;
            out.append(std::exchange(separator, ","));
            append_folded(out, fields[i].value);
        }
        out.push_back('\n');
    }
    out.push_back('\n');
    out.append(joined(signed_headers));
}

std::string joined(const std::vector<std::string>& signed_headers) {
    std::string list;
    for (const std::string& name : signed_headers) {
        if (!list.empty()) list.push_back(';');
        list.append(name);
    }
    return list;
}

}  // namespace nikawa::aws
