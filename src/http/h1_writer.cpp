#include "nikawa/http/h1_writer.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>

namespace nikawa::http {
namespace {

constexpr Bytes chunked_line = "Transfer-Encoding: chunked\r\n";
constexpr Bytes no_content_line = "Content-Length: 0\r\n";
constexpr Bytes close_line = "Connection: close\r\n";
constexpr Bytes keep_alive_line = "Connection: keep-alive\r\n";
constexpr std::size_t longest_number = 20;  // 2^64 - 1 in decimal

/// Room for whatever a head gets besides its own texts: version, status, spaces, the lines above,
/// a Content-Length written anew, and the last CRLF.
constexpr std::size_t additions = 128;
static_assert(additions > chunked_line.size() + keep_alive_line.size() + longest_number + 32);

/// A string's new end, measured beforehand, so that a head of many small pieces grows it once.
class Room {
public:
    Room(std::string& out, std::size_t most) : out_(out), at_(out.size()) {
        out_.resize(at_ + most);
        to_ = out_.data() + at_;
    }
    ~Room() { out_.resize(static_cast<std::size_t>(to_ - out_.data())); }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    void put(std::string_view text) { to_ = std::copy(text.begin(), text.end(), to_); }
    void put(std::uint64_t number) { to_ = std::to_chars(to_, to_ + longest_number, number).ptr; }

    /// In Canonical-Case: "x-request-id" is put as "X-Request-Id".
    void put_canonical(std::string_view name) {
        bool starts_word = true;
        for (const char c : name) {
            const bool small = c >= 'a' && c <= 'z';
            *to_++ = starts_word && small ? static_cast<char>(c & ~0x20) : c;
            starts_word = c == '-';
        }
    }

private:
    std::string& out_;
    std::size_t at_;
    char* to_;
};

std::size_t lines_bytes(const FieldBlock& fields) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const Field field = fields[i];
        bytes += field.name.size() + field.value.size() + 4;  // ": " and CRLF
    }
    return bytes;
}

/// Names whose usual spelling is not Canonical-Case; what compares names exactly (scripts, mostly)
/// has learned these from HTTP/1.1.
constexpr std::string_view well_known_spellings[] = {
    "ETag",
    "Content-MD5",
    "Expect-CT",
    "NEL",
    "SourceMap",
    "WWW-Authenticate",
    "X-XSS-Protection",
};

void put_name_from_http2(Room& room, std::string_view name) {
    const auto known = std::ranges::find_if(well_known_spellings, [&](std::string_view spelling) {
        return equal_ignoring_case(spelling, name);
    });
    if (known != std::end(well_known_spellings)) {
        room.put(*known);
    } else {
        room.put_canonical(name);
    }
}

void put_name(Room& room, std::string_view name, Version received) {
    if (received == Version::http_2) {
        put_name_from_http2(room, name);
    } else {
        room.put(name);
    }
}

void put_line(Room& room, const Field& field, Version received = Version::http_1_1) {
    put_name(room, field.name, received);
    room.put(": ");
    room.put(field.value);
    room.put("\r\n");
}

/// The fields of a response. A Content-Length is written once and as one number: an origin may
/// repeat it (`5, 5`), and a recipient may refuse that (RFC 9112 §6.3). Where none may stand it is
/// left out (RFC 9110 §8.6): a recipient may wait for those bytes.
void put_response_lines(Room& room, const ResponseHead& head) {
    bool is_length_due = head.status >= 200 && head.status != 204;
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const Field field = head.fields[i];
        if (field.id != FieldId::content_length) {
            put_line(room, field, head.version);
            continue;
        }
        const auto length = is_length_due ? agreed_length(head.fields) : std::nullopt;
        if (!length) continue;
        is_length_due = false;
        put_name(room, field.name, head.version);
        room.put(": ");
        room.put(*length);
        room.put("\r\n");
    }
}

/// Whether it is due to say of a request without content that it has none (RFC 9110 §8.6): some
/// servers want a length for these methods. Over HTTP/2 the end of the head has said it; who sends
/// none over HTTP/1.1 is taken at its word.
bool has_length_unsaid(const RequestHead& head) {
    const bool means_content =
        head.method == "POST" || head.method == "PUT" || head.method == "PATCH";
    return head.version == Version::http_2 && means_content &&
           !head.fields.find(FieldId::content_length);
}

}  // namespace

void append_request_head(std::string& out, const RequestHead& head, const BodyFraming& framing) {
    Room room{out, head.method.size() + head.target.size() + lines_bytes(head.fields) + additions};
    room.put(head.method);
    room.put(" ");
    room.put(head.target);
    room.put(" HTTP/1.1\r\n");
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        // It would have to be named in Connection (RFC 9110 §10.1.4), and some servers do not
        // expect to find more than close and keep-alive there.
        if (head.fields[i].id != FieldId::te) put_line(room, head.fields[i], head.version);
    }
    if (std::holds_alternative<Chunked>(framing)) room.put(chunked_line);
    if (std::holds_alternative<NoBody>(framing) && has_length_unsaid(head)) {
        room.put(no_content_line);
    }
    room.put("\r\n");
}

void append_response_head(std::string& out,
                          const ResponseHead& head,
                          const BodyFraming& framing,
                          Version client,
                          Persistence persistence) {
    const bool is_chunked = std::holds_alternative<Chunked>(framing);
    assert(!is_chunked || client == Version::http_1_1);  // RFC 9112 §6.1
    const std::string_view reason = head.reason.empty() ? reason_phrase(head.status) : head.reason;

    Room room{out, reason.size() + lines_bytes(head.fields) + additions};
    room.put("HTTP/1.1 ");
    room.put(head.status);
    room.put(" ");
    room.put(reason);
    room.put("\r\n");
    put_response_lines(room, head);
    // Over HTTP/2 the end of the head can be that of the message, and no length need be said.
    const auto* const sized = std::get_if<Sized>(&framing);
    if (sized != nullptr && !head.fields.find(FieldId::content_length)) {
        room.put("Content-Length: ");
        room.put(sized->bytes);
        room.put("\r\n");
    }
    if (is_chunked) room.put(chunked_line);
    if (client == Version::http_1_1 && persistence == Persistence::close) room.put(close_line);
    if (client == Version::http_1_0 && persistence == Persistence::keep_alive) {
        room.put(keep_alive_line);
    }
    room.put("\r\n");
}

ChunkHead::ChunkHead(std::uint64_t data_bytes) {
    char* to = std::to_chars(text_.data(), text_.data() + text_.size(), data_bytes, 16).ptr;
    *to++ = '\r';
    *to++ = '\n';
    size_ = static_cast<std::size_t>(to - text_.data());
}

void append_last_chunk(std::string& out, const FieldBlock& trailers, Version received) {
    Room room{out, lines_bytes(trailers) + additions};
    room.put("0\r\n");
    for (std::size_t i = 0; i < trailers.size(); ++i) put_line(room, trailers[i], received);
    room.put("\r\n");
}

}  // namespace nikawa::http
