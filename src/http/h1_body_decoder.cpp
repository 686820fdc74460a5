#include "nikawa/http/h1_body_decoder.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <utility>

namespace nikawa::http {
namespace {

constexpr std::size_t longest_chunk_size = 16;      // hexadecimal digits of 64 bits
constexpr std::size_t longest_extensions = 256;     // of one chunk
constexpr std::size_t most_extensions = 16 * 1024;  // of all chunks of a message

struct ChunkLine {
    std::uint64_t size;
    std::size_t extension_bytes;
};

// A trailer section is read as the fields of a request, whose rules are the stricter ones.
constexpr Bytes start_line_for_trailers = "GET / HTTP/1.1\r\n";

/// A chunk's size from its line without CRLF (RFC 9112 §7.1). Extensions are passed over, as we
/// know none, but must begin as such and hold no control bytes (§7.1.1). Origins may pad the size
/// with blanks: some reserve room for it before they know it.
std::optional<ChunkLine> parse_chunk_head(Bytes line, Side side) {
    std::uint64_t size = 0;
    const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    const auto digits = static_cast<std::size_t>(stop - line.data());
    if (error != std::errc{} || digits > longest_chunk_size) return std::nullopt;

    const Bytes extensions = line.substr(digits);
    if (extensions.empty()) return ChunkLine{size, 0};
    const auto first = extensions.find_first_not_of(" \t");
    const bool is_padded = first == Bytes::npos && side == Side::origin;
    if (!is_padded && (first == Bytes::npos || extensions[first] != ';')) return std::nullopt;
    const bool has_control = std::ranges::any_of(
        extensions, [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
    if (has_control || extensions.size() > longest_extensions) return std::nullopt;
    return ChunkLine{size, is_padded ? 0 : extensions.size()};
}

constexpr std::string_view header_only_fields[] = {
    "Age",
    "Authorization",
    "Cache-Control",
    "Content-Encoding",
    "Content-Range",
    "Content-Type",
    "Expires",
    "Location",
    "Pragma",
    "Range",
    "Retry-After",
    "Set-Cookie",
    "Vary",
    "WWW-Authenticate",
};

}  // namespace

bool may_be_trailer(const Field& field) {
    switch (field.id) {
        case FieldId::other:
            return std::ranges::none_of(header_only_fields, [&](std::string_view name) {
                return equal_ignoring_case(name, field.name);
            });
        case FieldId::alt_svc:
        case FieldId::proxy_status:
        case FieldId::traceparent:
        case FieldId::user_agent:
        case FieldId::via:
        case FieldId::x_chocon_ver: return true;
        case FieldId::connection:
        case FieldId::content_length:
        case FieldId::cookie:
        case FieldId::date:
        case FieldId::expect:
        case FieldId::host:
        case FieldId::http2_settings:
        case FieldId::keep_alive:
        case FieldId::max_forwards:
        case FieldId::proxy_authenticate:
        case FieldId::proxy_authorization:
        case FieldId::proxy_connection:
        case FieldId::te:
        case FieldId::trailer:
        case FieldId::transfer_encoding:
        case FieldId::upgrade: return false;
    }
    return false;
}

void H1BodyDecoder::start(BodyFraming framing) {
    left_ = 0;
    extension_bytes_ = 0;
    trailer_section_.clear();
    trailers_.clear();
    state_ = State::end;
    if (const auto* const sized = std::get_if<Sized>(&framing); sized && sized->bytes != 0) {
        left_ = sized->bytes;
        state_ = State::sized;
    } else if (std::holds_alternative<Chunked>(framing)) {
        state_ = State::chunk_head;
    } else if (std::holds_alternative<UntilClose>(framing)) {
        state_ = State::until_close;
    }
}

Result<H1BodyDecoder::Step> H1BodyDecoder::decode(Bytes input) {
    Step step;
    while (state_ != State::end) {
        const Bytes rest = input.substr(step.taken);
        if (expects_data()) {
            if (!step.data.empty() || rest.empty()) break;
            step.data = take_data(rest);
            step.taken += step.data.size();
            continue;
        }
        const auto framing = read_framing(rest);
        if (!framing) {
            if (step.taken == 0) return framing.error();
            break;  // first what was good; the next call meets the same bytes again
        }
        if (*framing == 0) break;
        step.taken += *framing;
    }
    return step;
}

bool H1BodyDecoder::expects_data() const {
    return state_ == State::sized || state_ == State::until_close || state_ == State::chunk_data;
}

Bytes H1BodyDecoder::take_data(Bytes input) {
    if (state_ == State::until_close) return input;
    const Bytes data = input.substr(0, std::min<std::uint64_t>(left_, input.size()));
    left_ -= data.size();
    if (left_ == 0) state_ = state_ == State::sized ? State::end : State::chunk_end;
    return data;
}

Result<std::size_t> H1BodyDecoder::read_framing(Bytes input) {
    if (state_ == State::chunk_head) return read_chunk_head(input);
    if (state_ == State::chunk_end) return read_chunk_end(input);
    assert(state_ == State::trailers);
    return read_trailer_line(input);
}

Result<std::size_t> H1BodyDecoder::read_chunk_head(Bytes input) {
    constexpr std::size_t longest_line = longest_chunk_size + longest_extensions + 2;
    const auto lf = input.substr(0, longest_line).find('\n');
    if (lf == Bytes::npos) {
        if (input.size() >= longest_line) return broken();
        return std::size_t{0};
    }
    if (lf == 0 || input[lf - 1] != '\r') return broken();
    const auto head = parse_chunk_head(input.substr(0, lf - 1), side_);
    if (!head) return broken();
    extension_bytes_ += head->extension_bytes;
    if (extension_bytes_ > most_extensions) return broken();
    left_ = head->size;
    state_ = left_ == 0 ? State::trailers : State::chunk_data;
    return lf + 1;
}

Result<std::size_t> H1BodyDecoder::read_chunk_end(Bytes input) {
    if (!Bytes{"\r\n"}.starts_with(input.substr(0, 2))) return broken();
    if (input.size() < 2) return std::size_t{0};
    state_ = State::chunk_head;
    return std::size_t{2};
}

Result<std::size_t> H1BodyDecoder::read_trailer_line(Bytes input) {
    const auto lf = input.find('\n');
    const std::size_t line_bytes = lf == Bytes::npos ? input.size() : lf + 1;
    if (trailer_section_.size() + line_bytes > trailer_limits_.head_bytes) return broken();
    if (lf == Bytes::npos) return std::size_t{0};

    const Bytes line = input.substr(0, line_bytes);
    if (!line.ends_with("\r\n")) return broken();
    if (line == "\r\n") {
        if (!keep_trailers()) return broken();
        state_ = State::end;
    } else {
        trailer_section_.append(line);
    }
    return line_bytes;
}

/// Reads the whole section, now that it is there; most bodies have an empty one.
bool H1BodyDecoder::keep_trailers() {
    if (trailer_section_.empty()) return true;
    HeadLimits limits = trailer_limits_;
    limits.head_bytes += start_line_for_trailers.size();
    std::string head{start_line_for_trailers};
    head.append(trailer_section_).append("\r\n");
    RequestHead parsed;
    const auto taken = H1HeadParser{limits}.parse_request(head, parsed);
    if (!taken || *taken != head.size()) return false;
    trailers_ = std::move(parsed.fields);
    trailers_.remove_if([](const Field& field) { return !may_be_trailer(field); });
    return true;
}

Result<void> H1BodyDecoder::end_of_input() {
    if (state_ == State::until_close) state_ = State::end;
    if (state_ == State::end) return {};
    return Failure{side_ == Side::client ? Errc::client_gone : Errc::peer_closed, side_};
}

std::optional<std::uint64_t> H1BodyDecoder::remaining() const {
    if (state_ == State::sized) return left_;
    if (state_ == State::end) return 0;
    return std::nullopt;
}

Failure H1BodyDecoder::broken() const {
    return {side_ == Side::client ? Errc::bad_framing : Errc::malformed, side_};
}

}  // namespace nikawa::http
