#pragma once

#include <string>
#include <string_view>

#include "nikawa/http/head.hpp"
#include "nikawa/origin/origin_stream.hpp"

namespace nikawa::test {

/// A request head as the proxy would hand it to a stream.
inline http::RequestHead request(std::string_view method, std::string_view target = "/") {
    http::RequestHead head;
    head.method = method;
    head.target = target;
    head.fields.add("Host", "api.example.com");
    return head;
}

/// Pulls a response's body to its end.
inline Task<Result<std::string>> read_body(origin::OriginStream& stream) {
    std::string body;
    for (;;) {
        const auto piece = co_await stream.receive_body();
        if (!piece) co_return piece.error();
        if (piece->empty()) co_return body;
        body.append(*piece);
    }
}

}  // namespace nikawa::test
