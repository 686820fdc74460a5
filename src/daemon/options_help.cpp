#include "daemon/options_help.hpp"

#include <ares_version.h>
#include <nghttp2/nghttp2ver.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <boost/version.hpp>
#include <string_view>
#include <version.hpp>

#include "daemon/options_table.hpp"

namespace nikawa::daemon {
namespace {

constexpr std::size_t columns = 100;
constexpr std::size_t text_column = 34;

constexpr std::string_view usage =
    R"(nikawa - keeps TLS connections to API origins open, so that short-lived clients need not.

A client asks for http://api.example.com.ccnproxy-https:3000/path and gets
https://api.example.com/path over a pooled HTTP/2 or HTTP/1.1 connection.

Usage: nikawa [OPTIONS]
)";

constexpr std::string_view notes = R"(
Values:
  TIME is in seconds or with units: 30, 500ms, 1.5s, 1h30m. A timeout ends a wait in which nothing
  moves, never a transfer that does; 0 is no limit. SIZE is in bytes or with k, m, g: 65536, 64k.
  Of an option given twice the last one counts. One that is shown with dots takes several values,
  also with commas, and given twice all of them, in place of the default.

  The command line comes before the environment (NIKAWA_PORT for --port, NIKAWA_READ_TIMEOUT for
  --read-timeout and so on) and that before the file of --config (port = 3000). Values of two of
  these are never put together: those of the first count.

Examples:
  nikawa --demo                                     what pooling saves, shown on this machine
  nikawa -p 3000 --access-log-dir /var/log/nikawa
  nikawa --config /etc/nikawa/nikawa.conf --check   is the configuration fine?
  curl http://api.example.com.ccnproxy-https:3000/ --connect-to ::localhost:3000
)";

std::string synopsis(const OptionRow& row) {
    std::string text = row.letter == 0 ? "      " : std::string{"  -"} + row.letter + ", ";
    text.append("--").append(row.name);
    if (!row.value_name.empty()) text.append(" ").append(row.value_name);
    return text;
}

/// Stands for a blank at which no line may be broken.
constexpr char tie = '\x1f';

/// The description and the default: "... (default: 3000)".
std::string description(const OptionRow& row) {
    std::string text{row.text};
    if (row.fallback.empty()) return text;
    const bool in_words = row.fallback.starts_with('(');
    std::string fallback = "(default: ";
    fallback.append(in_words ? row.fallback.substr(1) : std::string{row.fallback} + ")");
    std::replace(fallback.begin(), fallback.end(), ' ', tie);
    return text.append(" ").append(fallback);
}

/// Appends `text` from `text_column` on, broken at blanks.
void append_wrapped(std::string& out, std::string_view text) {
    constexpr std::size_t width = columns - text_column;
    while (text.size() > width) {
        const auto end = text.rfind(' ', width);
        if (end == std::string_view::npos) break;
        out.append(text.substr(0, end)).append("\n").append(text_column, ' ');
        text.remove_prefix(end + 1);
    }
    out.append(text).append("\n");
}

}  // namespace

std::string help_text() {
    std::string out{usage};
    std::string_view group;
    for (const auto& row : option_table()) {
        if (row.group != group) out.append("\n").append(group = row.group).append(":\n");
        auto left = synopsis(row);
        if (left.size() + 2 > text_column) {
            left.append("\n").append(text_column, ' ');
        } else {
            left.resize(text_column, ' ');
        }
        out += left;
        append_wrapped(out, description(row));
    }
    std::replace(out.begin(), out.end(), tie, ' ');
    return out.append(notes);
}

std::string version_text() {
    constexpr auto boost = BOOST_VERSION;
    return std::string{"nikawa " NIKAWA_VERSION "\n"}
#if defined(__clang__)
        .append("Clang " __clang_version__)
#else
        .append("GCC " __VERSION__)
#endif
        .append(", Boost ")
        .append(std::to_string(boost / 100000) + "." + std::to_string(boost / 100 % 1000))
        .append(", OpenSSL ")
        .append(OpenSSL_version(OPENSSL_VERSION_STRING))
        .append(", nghttp2 " NGHTTP2_VERSION ", c-ares " ARES_VERSION_STR "\n");
}

}  // namespace nikawa::daemon
