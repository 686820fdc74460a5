#pragma once

#include <cstddef>
#include <optional>

#include "nikawa/base/bytes.hpp"
#include "nikawa/base/result.hpp"
#include "nikawa/http/body_framing.hpp"
#include "nikawa/http/h1_head_parser.hpp"

namespace nikawa::client {

/// What a client begins a connection of HTTP/2 with (RFC 9113 §3.4).
inline constexpr Bytes h2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How far the beginning of a connection is that preface.
enum class PrefaceMatch : std::uint8_t { none, part, whole };
constexpr PrefaceMatch match_preface(Bytes beginning) {
    if (beginning.starts_with(h2_preface)) return PrefaceMatch::whole;
    return h2_preface.starts_with(beginning) ? PrefaceMatch::part : PrefaceMatch::none;
}

/// Makes a request head of the fields of an HTTP/2 stream: control data from pseudo-fields, Host
/// from :authority, one Cookie of its crumbs (RFC 9113 §8.3.1, §8.2.3). What is too large is not
/// kept; who asks at the end hears of it.
class H2Request {
public:
    explicit H2Request(const http::HeadLimits& limits) : limits_(limits) {}

    void start();

    /// The next field of the head, pseudo-fields first; the library has seen to it that they are
    /// well-formed, and none of a connection among them.
    void take_field(Bytes name, Bytes value);

    /// The head has ended, and with it the request if `is_end`. How its body ends.
    /// Errors (side client): bad_head, bad_framing, head_too_large, target_too_long.
    Result<http::BodyFraming> finish(bool is_end);

    [[nodiscard]] http::RequestHead& head() { return head_; }

    /// A field of the trailer section, to `trailers` if it may stand there. False when the section
    /// is beyond the limits of a head.
    [[nodiscard]] bool take_trailer(Bytes name, Bytes value, http::FieldBlock& trailers);

private:
    [[nodiscard]] bool is_within_limits(Bytes name, Bytes value);
    void take_pseudo_field(Bytes name, Bytes value);
    void take_host(Bytes value);
    void join_cookies();
    void refuse(Errc code) {
        if (!failure_) failure_ = Failure{code, Side::client};
    }

    const http::HeadLimits& limits_;
    http::RequestHead head_;
    std::size_t bytes_ =
        0;  // by HTTP/2's own measure (RFC 9113 §6.5.2); of the head or the trailers
    std::size_t fields_ = 0;
    std::optional<Failure> failure_;
};

}  // namespace nikawa::client
