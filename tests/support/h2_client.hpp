#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nikawa/base/bytes.hpp"

namespace nikawa::test {

/// A client's side of HTTP/2 in memory: what it would send, and what it makes of what it gets.
class H2Client {
public:
    using Fields = std::vector<std::pair<std::string, std::string>>;

    struct Response {
        std::string status;
        Fields fields;  ///< without pseudo-fields
        Fields trailers;
        std::vector<std::string> interim;  ///< their statuses
        std::string body;
        bool has_head = false;  ///< the final one is there, whole
        bool ended_with_head = false;
        bool ended = false;                  ///< the message is whole
        bool complete = false;               ///< its stream was closed without an error
        std::optional<std::uint32_t> reset;  ///< the code of the RST_STREAM that came

        /// The value of a field, "" if there is none.
        [[nodiscard]] std::string field(Bytes name) const;
    };

    /// `window` is what a stream may send it at once.
    explicit H2Client(std::uint32_t window = 65535);
    H2Client(const H2Client&) = delete;
    H2Client& operator=(const H2Client&) = delete;
    ~H2Client() { nghttp2_session_del(session_); }

    /// The head of a request.
    static Fields head(const std::string& method,
                       const std::string& target = "/",
                       const std::string& authority = "demo.example") {
        return {
            {":method", method}, {":scheme", "http"}, {":authority", authority}, {":path", target}};
    }

    /// Whether more of the request follows its head.
    enum class More : std::uint8_t { no, yes };

    /// A request with that head; gives the stream.
    std::int32_t request(const Fields& fields, More more = More::no);
    /// More of its body; without `more` the end, in a trailer section if there are trailers.
    void send(std::int32_t stream, Bytes bytes, More more, const Fields& trailers = {});
    void reset(std::int32_t stream, std::uint32_t code = NGHTTP2_CANCEL);
    void settings(std::uint16_t id, std::uint32_t value);

    /// What is to go out now.
    std::string to_send();
    /// False when that is not HTTP/2.
    bool receive(Bytes bytes);

    Response& response(std::int32_t stream) { return responses_[stream]; }
    /// What each GOAWAY that came said: the last stream and the code.
    [[nodiscard]] const std::vector<std::pair<std::int32_t, std::uint32_t>>& go_aways() const {
        return go_aways_;
    }
    /// What the other side set, or the default.
    [[nodiscard]] std::uint32_t setting(nghttp2_settings_id id) const {
        return nghttp2_session_get_remote_settings(session_, id);
    }

private:
    struct Body {
        std::string left;
        More more = More::yes;
        Fields trailers;
    };

    static int on_header(nghttp2_session*,
                         const nghttp2_frame*,
                         const std::uint8_t*,
                         std::size_t,
                         const std::uint8_t*,
                         std::size_t,
                         std::uint8_t,
                         void*);
    static int on_frame(nghttp2_session*, const nghttp2_frame*, void*);
    static int on_data(
        nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t*, std::size_t, void*);
    static int on_close(nghttp2_session*, std::int32_t, std::uint32_t, void*);
    static ssize_t read_body(nghttp2_session*,
                             std::int32_t,
                             std::uint8_t*,
                             std::size_t,
                             std::uint32_t*,
                             nghttp2_data_source*,
                             void*);

    nghttp2_session* session_ = nullptr;
    std::map<std::int32_t, Response> responses_;
    std::map<std::int32_t, Body> bodies_;
    std::vector<std::pair<std::int32_t, std::uint32_t>> go_aways_;
};

}  // namespace nikawa::test
