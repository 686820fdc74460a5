#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/memory_stream.hpp"
#include "support/test_loop.hpp"

namespace nikawa::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// A request as an HTTP/2 origin sees it.
struct H2Request {
    Fields fields;  ///< pseudo-fields among them, in order
    std::string body;
    bool ended = false;
    Fields trailers;
    std::int64_t reset_with = -1;  ///< the error code of a RST_STREAM

    [[nodiscard]] std::string value_of(std::string_view name) const;
};

/// An HTTP/2 origin for tests: keeps what it is sent and answers what it is told to.
class H2Origin {
public:
    struct Settings {
        std::uint32_t max_streams = 100;
        std::uint32_t window = 65535;     ///< of each request body
        bool send_settings_first = true;  ///< false: a peer whose SETTINGS are late
        bool answer_pings = true;         ///< false: only by `answer_ping()`
    };

    H2Origin(TestLoop& loop, std::unique_ptr<MemoryStream> stream);
    H2Origin(TestLoop& loop, std::unique_ptr<MemoryStream> stream, const Settings& settings);
    ~H2Origin();
    H2Origin(const H2Origin&) = delete;
    H2Origin& operator=(const H2Origin&) = delete;

    /// Requests by stream id: 1, 3, 5, ...
    std::map<std::int32_t, H2Request>& requests();

    /// Sends a response head; `end` ends the response with it.
    void send_head(std::int32_t stream, const Fields& fields, bool end);
    /// Sends a piece of the body as flow control allows; `end` ends the response after it.
    void send_body(std::int32_t stream,
                   std::string_view body,
                   bool end,
                   const Fields& trailers = {});
    /// A whole response.
    void reply(std::int32_t stream, std::string_view status, std::string_view body);
    void reset(std::int32_t stream, std::uint32_t error_code);
    void send_settings(std::uint32_t max_streams);
    void go_away(std::int32_t last_stream, std::uint32_t error_code = 0);
    /// GOAWAY(ENHANCE_YOUR_CALM) with what was processed so far.
    void enhance_your_calm();
    /// Whether PINGs are answered from now on.
    void set_answers_pings(bool answers);
    /// Answers the PING that came last.
    void answer_ping();
    /// Octets as they are, past the library.
    void send_raw(std::string_view bytes);
    void close();

    /// Response body bytes that flow control still holds back.
    [[nodiscard]] std::size_t held_back() const;
    /// How many PINGs have come.
    [[nodiscard]] std::size_t pings() const;
    /// Whether the other side has said GOAWAY, and whether it has closed.
    [[nodiscard]] bool was_told_goaway() const;
    [[nodiscard]] bool is_ended() const;

    MemoryStream& stream();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::test
