#include "nikawa/http/h1_head_parser.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cassert>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include "nikawa/http/head_fault.hpp"

namespace nikawa::http {
namespace {

namespace beast = boost::beast;
using namespace std::string_view_literals;  // NOLINT(google-build-using-namespace): the literals
using BeastError = beast::http::error;
using boost::system::error_code;

/// Beast's parser for the length of one head: it checks the grammar, we keep what it finds. The
/// input must be exactly one head, so nothing after the fields ever reaches it.
template <bool is_request>
class HeadReader final : private beast::http::basic_parser<is_request> {
public:
    using Head = std::conditional_t<is_request, RequestHead, ResponseHead>;

    HeadReader(Head& head, std::size_t most_fields) : head_(head), most_fields_(most_fields) {
        this->header_limit(std::numeric_limits<std::uint32_t>::max());  // HeadLimits are ours
        this->body_limit(boost::none);
    }

    [[nodiscard]] error_code read(Bytes input) {
        error_code error;
        const auto taken = this->put(boost::asio::const_buffer{input.data(), input.size()}, error);
        assert(error || taken == input.size());
        static_cast<void>(taken);
        return error;
    }

private:
    using Text = beast::string_view;

    static std::string_view plain(Text text) { return {text.data(), text.size()}; }
    static Version version_of(int version) {
        return version == 10 ? Version::http_1_0 : Version::http_1_1;
    }

    void on_request_impl(
        beast::http::verb, Text method, Text target, int version, error_code&) override {
        if constexpr (is_request) {
            head_.method = plain(method);
            head_.target = plain(target);
            head_.version = version_of(version);
        }
    }
    void on_response_impl(int code, Text reason, int version, error_code& error) override {
        if constexpr (!is_request) {
            if (code < 100) error = BeastError::bad_status;
            head_.status = static_cast<unsigned>(code);
            head_.reason = plain(reason);
            head_.version = version_of(version);
        }
    }
    void on_field_impl(beast::http::field, Text name, Text value, error_code& error) override {
        if (head_.fields.size() == most_fields_) {
            error = BeastError::header_limit;
            return;
        }
        head_.fields.add(plain(name), plain(value));
    }
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(Text body, error_code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t, Text, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text body, error_code&) override {
        return body.size();
    }
    void on_finish_impl(error_code&) override {}

    Head& head_;
    std::size_t most_fields_;
};

enum class Fold : bool { refused, accepted };

/// The failures of one kind of head.
struct Verdicts {
    Failure broken;
    Failure ambiguous;
    Failure too_large;
    Failure start_line_too_long;
};

constexpr Verdicts request_verdicts{
    {Errc::bad_head, Side::client},
    {Errc::bad_framing, Side::client},
    {Errc::head_too_large, Side::client},
    {Errc::target_too_long, Side::client},
};
constexpr Verdicts response_verdicts{
    {Errc::malformed, Side::origin},
    {Errc::malformed, Side::origin},
    {Errc::response_head_too_large, Side::origin},
    {Errc::response_head_too_large, Side::origin},
};

Failure verdict(const error_code& error, const Verdicts& verdicts) {
    if (error == BeastError::header_limit) return verdicts.too_large;
    for (const auto ambiguous : {BeastError::bad_content_length,
                                 BeastError::multiple_content_length,
                                 BeastError::bad_transfer_encoding}) {
        if (error == ambiguous) return verdicts.ambiguous;
    }
    return verdicts.broken;
}

/// Looks for the empty line that ends a head, from `searched` on, and moves that. Gives the head's
/// size, 0 when the line has not come yet. A line that ends in a bare LF is refused at once: its
/// sender would wait for an answer, and we for a CRLF.
Result<std::size_t> find_end(Bytes input, std::size_t& searched, Fold fold, Failure broken) {
    assert(searched <= input.size());  // the same bytes and those that followed, or reset()
    for (;;) {
        const bool at_line_start = searched > 0 && input[searched - 1] == '\n';
        if (at_line_start && fold == Fold::refused && searched < input.size() &&
            (input[searched] == ' ' || input[searched] == '\t')) {
            return broken;
        }
        const auto lf = input.find('\n', searched);
        if (lf == Bytes::npos) {
            searched = input.size();
            return std::size_t{0};
        }
        if (lf == 0 || input[lf - 1] != '\r') return broken;
        searched = lf + 1;
        if (lf >= 2 && input[lf - 2] == '\n') return searched;
    }
}

/// `find_end()` within the limits.
Result<std::size_t> find_end_within(const HeadLimits& limits,
                                    Bytes input,
                                    std::size_t& searched,
                                    Fold fold,
                                    const Verdicts& refuse) {
    const auto size = find_end(input, searched, fold, refuse.broken);
    if (!size) return size;
    const auto first_line = input.substr(0, limits.start_line_bytes + 2);  // with its CRLF
    if (first_line.size() == limits.start_line_bytes + 2 && first_line.find('\n') == Bytes::npos) {
        return refuse.start_line_too_long;
    }
    const bool is_too_large =
        *size == 0 ? input.size() >= limits.head_bytes : *size > limits.head_bytes;
    if (is_too_large) return refuse.too_large;
    return size;
}

/// Whether a request line of three parts ends in a version of HTTP, whichever.
bool names_a_version(Bytes head) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    constexpr auto length = Bytes{" HTTP/1.1"}.size();
    const auto line = head.substr(0, head.find('\r'));
    if (line.size() < length || std::ranges::count(line, ' ') != 2) return false;
    const auto version = line.substr(line.size() - length);
    return version.starts_with(" HTTP/") && is_digit(version[6]) && version[7] == '.' &&
           is_digit(version[8]);
}

/// Whether a list holds tokens only (RFC 9110 §5.6.2).
bool is_token_list(std::string_view list) {
    constexpr std::string_view symbols = "!#$%&'*+-.^_`|~";
    const auto is_token_byte = [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               symbols.find(c) != symbols.npos;
    };
    bool all = true;
    for_each_in_list(list, [&](std::string_view element) {
        all = all && std::ranges::all_of(element, is_token_byte);
    });
    return all;
}

bool has_control_byte(std::string_view value) {
    return std::ranges::any_of(value,
                               [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
}

/// Appends a field line without the white space before its colon, which a proxy is to take out
/// (RFC 9112 §5.1). A Connection that is no list of tokens becomes `close`: whatever it was to say,
/// a connection that is not used again is safe.
void append_mended_field(std::string& out, Bytes line) {
    const auto colon = line.find(':');
    const bool continues_another = line.starts_with(' ') || line.starts_with('\t');
    if (colon == Bytes::npos || colon == 0 || continues_another) {
        out.append(line);
        return;
    }
    const auto name = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    const auto value = line.substr(colon + 1, line.size() - colon - 1 - Bytes{"\r\n"}.size());
    out.append(name);
    const bool is_odd = field_id(name) == FieldId::connection && !is_token_list(value);
    if (is_odd && !has_control_byte(value)) {
        out.append(": close\r\n");
    } else {
        out.append(line.substr(colon));
    }
}

/// A response head as its origin should have sent it, for the mistakes that real ones make and that
/// nobody reads in two ways: those above, and no space after the status code (RFC 9112 §4). `head`
/// ends each line by CRLF.
std::string mended(Bytes head) {
    constexpr auto code_end = Bytes{"HTTP/1.1 200"}.size();
    const auto status_line = head.substr(0, head.find('\n') + 1);
    std::string out{status_line};
    if (out.size() > code_end && out[code_end] == '\r') out.insert(code_end, 1, ' ');
    for (head.remove_prefix(status_line.size()); !head.empty();) {
        const auto line = head.substr(0, head.find('\n') + 1);
        append_mended_field(out, line);
        head.remove_prefix(line.size());
    }
    return out;
}

/// What is spoken by a client that begins like this, if it is no HTTP: the end of a head would not
/// come then.
std::optional<Failure> other_protocol(Bytes input) {
    constexpr char handshake = 0x16;  // a TLS record, of any version from 3.0 on (RFC 8446 §5.1)
    constexpr Bytes proxy_2 = "\r\n\0\r\nQUIT\n"sv;  // without the empty line that is passed over
    if (input.empty()) return std::nullopt;
    const char second = input.size() > 1 ? input[1] : '\0';
    if (input.front() == handshake && (input.size() == 1 || second == 3)) {
        return bad_head(HeadFault::tls);
    }
    if (input.front() == 4 || input.front() == 5) return bad_head(HeadFault::socks);
    if (input.starts_with(proxy_2)) return bad_head(HeadFault::proxy_protocol);
    if (static_cast<unsigned char>(input.front()) <= ' ') return request_verdicts.broken;
    return std::nullopt;
}

}  // namespace

Result<std::size_t> H1HeadParser::parse_request(Bytes input, RequestHead& head) {
    if (input == "\r") return std::size_t{0};
    const std::size_t passed_over = input.starts_with("\r\n") ? 2 : 0;
    input.remove_prefix(passed_over);
    if (const auto failure = other_protocol(input)) return *failure;
    const auto size = find_end_within(limits_, input, searched_, Fold::refused, request_verdicts);
    if (!size || *size == 0) return size;
    head.clear();
    const auto error = HeadReader<true>{head, limits_.fields}.read(input.substr(0, *size));
    if (error == BeastError::bad_version && names_a_version(input)) {
        return Failure{Errc::bad_version, Side::client};
    }
    if (error) {
        const Failure refused = verdict(error, request_verdicts);
        const bool is_preceded = refused.code == Errc::bad_head && input.starts_with("PROXY ");
        return is_preceded ? bad_head(HeadFault::proxy_protocol) : refused;
    }
    return passed_over + *size;
}

Result<std::size_t> H1HeadParser::parse_response(Bytes input, ResponseHead& head) {
    const auto size = find_end_within(limits_, input, searched_, Fold::accepted, response_verdicts);
    if (!size || *size == 0) return size;
    head.clear();
    const auto sent = input.substr(0, *size);
    auto error = HeadReader<false>{head, limits_.fields}.read(sent);
    if (error) {
        head.clear();
        error = HeadReader<false>{head, limits_.fields}.read(mended(sent));
    }
    if (error) return verdict(error, response_verdicts);
    return size;
}

}  // namespace nikawa::http
