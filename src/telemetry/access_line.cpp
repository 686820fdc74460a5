#include <array>
#include <charconv>
#include <cstring>
#include <ctime>

#include "nikawa/telemetry/access_log.hpp"

namespace nikawa::telemetry {
namespace {

enum class Kind : std::uint8_t { plain, control, quote, backslash, multibyte };

constexpr auto kinds = [] {
    std::array<Kind, 256> table{};
    for (std::size_t byte = 0; byte < 0x20; ++byte) table[byte] = Kind::control;
    for (std::size_t byte = 0x80; byte < 0x100; ++byte) table[byte] = Kind::multibyte;
    table[0x7f] = Kind::control;
    table['"'] = Kind::quote;
    table['\\'] = Kind::backslash;
    return table;
}();

std::uint8_t octet(char byte) { return static_cast<std::uint8_t>(byte); }

/// The length of the UTF-8 sequence at the start of `text`, 0 when it is none (RFC 3629 section 4:
/// neither overlong nor a surrogate nor past U+10FFFF). The first byte is 0x80 or more.
std::size_t sequence_length(std::string_view text) {
    const auto lead = octet(text[0]);
    std::size_t length = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    }
    if (length == 0 || text.size() < length) return 0;
    if (octet(text[1]) < low || octet(text[1]) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if ((octet(text[i]) & 0xc0) != 0x80) return 0;
    }
    return length;
}

/// The most bytes that one byte of a value becomes: \u00XX.
constexpr std::size_t longest_escape = 6;
/// More than all keys, numbers and punctuation of a line take.
constexpr std::size_t fixed_bytes = 1024;

/// Whether eight bytes are all plain: none below 0x20, above 0x7e, a quote or a backslash.
bool are_plain(std::uint64_t eight) {
    constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
    constexpr std::uint64_t tops = 0x80 * ones;
    const auto below = [=](std::uint64_t bytes, std::uint64_t limit) {
        return bytes - ones * limit;  // sets the top bit of a byte below the limit
    };
    const auto has_zero = [=](std::uint64_t bytes) { return below(bytes, 1) & ~bytes; };
    const auto special = eight | below(eight, 0x20) | has_zero(eight ^ (ones * '"')) |
                         has_zero(eight ^ (ones * '\\')) | has_zero(eight ^ (ones * 0x7f));
    return (special & tops) == 0;
}

/// Writes one line through a bare pointer: the caller has made room for the longest one. Keys are
/// literals, so that their copies are a few moves.
template <LogFormat format>
class LineWriter {
public:
    explicit LineWriter(char* begin) : next_(begin) {
        if constexpr (is_json) put("{");
    }

    template <std::size_t size>
    void text(const char (&key)[size], std::string_view value) {
        label(key);
        if constexpr (is_json) put("\"");
        if (!is_json && value.empty()) put("-");
        put_escaped(value);
        if constexpr (is_json) put("\"");
    }

    template <std::size_t size>
    void number(const char (&key)[size], std::uint64_t value) {
        label(key);
        put_number(value);
    }

    template <std::size_t size>
    void flag(const char (&key)[size], bool value) {
        label(key);
        if (value) {
            put("true");
        } else {
            put("false");
        }
    }

    /// Seconds with six decimals, cheaper than printing a double.
    template <std::size_t size>
    void seconds(const char (&key)[size], Duration value) {
        label(key);
        const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
        auto micros = static_cast<std::uint64_t>(whole > 0 ? whole : 0);
        put_number(micros / 1'000'000);
        if (micros %= 1'000'000; micros == 0) return;
        *next_ = '.';
        for (int place = 6; place > 0; --place, micros /= 10) {
            next_[place] = static_cast<char>('0' + micros % 10);
        }
        next_ += 7;
    }

    char* end() {
        if constexpr (is_json) put("}");
        put("\n");
        return next_;
    }

private:
    static constexpr bool is_json = format == LogFormat::json;

    template <std::size_t size>
    void put(const char (&literal)[size]) {
        std::memcpy(next_, literal, size - 1);
        next_ += size - 1;
    }

    void put_bytes(std::string_view bytes) {
        std::memcpy(next_, bytes.data(), bytes.size());
        next_ += bytes.size();
    }

    void put_number(std::uint64_t value) {
        next_ =
            std::to_chars(next_, next_ + std::numeric_limits<std::uint64_t>::digits10 + 1, value)
                .ptr;
    }

    template <std::size_t size>
    void label(const char (&key)[size]) {
        if (!first_) *next_++ = is_json ? ',' : '\t';
        first_ = false;
        if constexpr (is_json) put("\"");
        put(key);
        if constexpr (is_json) put("\"");
        put(":");
    }

    void put_escaped(std::string_view value) {
        while (!value.empty()) {
            std::uint64_t eight = 0;
            if (value.size() >= sizeof(eight)) {
                std::memcpy(&eight, value.data(), sizeof(eight));
                if (are_plain(eight)) {
                    std::memcpy(next_, &eight, sizeof(eight));
                    next_ += sizeof(eight);
                    value.remove_prefix(sizeof(eight));
                    continue;
                }
            }
            if (kinds[octet(value[0])] == Kind::plain) {
                *next_++ = value[0];
                value.remove_prefix(1);
            } else {
                value.remove_prefix(put_special(value));
            }
        }
    }

    /// Writes what stands at the start of `value`, which is not plain; how many bytes that were.
    std::size_t put_special(std::string_view value) {
        const char byte = value[0];
        switch (kinds[octet(byte)]) {
            case Kind::multibyte:
                if (const auto length = sequence_length(value); length > 0) {
                    put_bytes(value.substr(0, length));
                    return length;
                }
                put_hex(byte);
                return 1;
            case Kind::quote:
                if constexpr (is_json) put("\\");
                put("\"");
                return 1;
            case Kind::backslash: put("\\\\"); return 1;
            case Kind::plain:
            case Kind::control: break;
        }
        switch (byte) {
            case '\t': put("\\t"); break;
            case '\n': put("\\n"); break;
            case '\r': put("\\r"); break;
            default: put_hex(byte);
        }
        return 1;
    }

    void put_hex(char byte) {
        constexpr std::string_view digits = "0123456789abcdef";
        if constexpr (is_json) {
            put("\\u00");
        } else {
            put("\\x");
        }
        *next_++ = digits[octet(byte) >> 4U];
        *next_++ = digits[octet(byte) & 0xfU];
    }

    char* next_;
    bool first_ = true;
};

/// chocon's time: local, as Go's "2006/01/02 15:04:05 MST".
std::string_view second_text(std::chrono::system_clock::time_point time, SecondText& cache) {
    const std::time_t second = std::chrono::system_clock::to_time_t(time);
    if (second == cache.second) return cache.text;
    std::tm local{};
    localtime_r(&second, &local);
    std::array<char, 64> text{};
    cache.text.assign(text.data(),
                      std::strftime(text.data(), text.size(), "%Y/%m/%d %H:%M:%S %Z", &local));
    cache.second = second;
    return cache.text;
}

template <LogFormat format>
char* write_line(char* begin,
                 const ExchangeRecord& record,
                 std::string_view time,
                 std::string_view error_detail) {
    LineWriter<format> line{begin};
    line.text("time", time);
    line.text("remote_addr", record.client_address);
    line.text("method", record.method);
    line.text("uri", record.path);
    line.number("status", record.status);
    line.number("size", record.response_bytes);
    line.text("ua", record.user_agent);
    line.seconds("ptime", record.total);
    line.text("host", record.host);
    line.text("chocon_req", record.request_id);

    line.text("origin", record.origin);
    line.text("origin_addr", record.origin_address);
    line.text("proto", record.protocol);
    line.flag("reused", record.reused);
    line.number("attempts", record.attempts);
    line.number("request_size", record.request_bytes);
    line.seconds("dns", record.resolve);
    line.seconds("connect", record.connect);
    line.seconds("tls", record.tls);
    line.seconds("wait", record.wait);
    if (!record.cold.empty()) line.text("cold", record.cold);
    if (record.hedged) line.flag("hedged", true);
    if (record.first_byte) line.seconds("first_byte", *record.first_byte);
    if (record.failure) {
        line.text("error", name_of(record.failure->code));
        line.text("error_detail", error_detail);
    }
    if (!record.trace_id.empty()) line.text("trace_id", record.trace_id);
    return line.end();
}

}  // namespace

void append_line(std::string& out,
                 const ExchangeRecord& record,
                 LogFormat format,
                 SecondText& second) {
    const auto time = second_text(record.time, second);
    std::string described;
    if (record.failure && record.failure_detail.empty()) described = describe(*record.failure);
    const std::string_view error_detail =
        record.failure_detail.empty() ? std::string_view{described} : record.failure_detail;
    std::size_t value_bytes = time.size() + error_detail.size();
    for (const auto value : {record.client_address,
                             record.method,
                             record.path,
                             record.user_agent,
                             record.host,
                             record.request_id,
                             record.origin,
                             record.origin_address,
                             record.protocol,
                             record.cold,
                             record.trace_id}) {
        value_bytes += value.size();
    }
    const auto longest = fixed_bytes + value_bytes * longest_escape;

    // Nearly every line fits the stack; growing `out` by the longest line would zero it each time.
    std::array<char, 8192> room;  // NOLINT(cppcoreguidelines-pro-type-member-init): see above
    std::string large;
    if (longest > room.size()) large.resize(longest);
    char* const begin = longest > room.size() ? large.data() : room.data();
    const auto write =
        format == LogFormat::json ? write_line<LogFormat::json> : write_line<LogFormat::ltsv>;
    const char* const end = write(begin, record, time, error_detail);
    out.append(begin, static_cast<std::size_t>(end - begin));
}

}  // namespace nikawa::telemetry
