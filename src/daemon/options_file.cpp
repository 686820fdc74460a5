#include "daemon/options_file.hpp"

#include <optional>
#include <utility>

namespace nikawa::daemon {
namespace {

/// Reads one line from left to right. A reader whose `problem` is set has said what is wrong.
class LineReader {
public:
    explicit LineReader(std::string_view line) : rest_(line) { skip_blanks(); }

    [[nodiscard]] bool at_end() const { return rest_.empty() || is_comment(rest_.front()); }
    [[nodiscard]] const std::string& problem() const { return problem_; }

    bool take(char c) {
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        skip_blanks();
        return true;
    }

    std::string name() { return take_until("= \t#"); }

    std::string value(std::string_view bare_end) {
        if (rest_.starts_with('"')) return quoted();
        if (rest_.starts_with('\'')) return literal();
        auto bare = at_end() ? std::string{} : take_until(bare_end);
        if (bare.empty()) fail("a value is missing");
        return bare;
    }

    std::vector<std::string> array() {
        std::vector<std::string> values;
        while (problem_.empty() && !take(']')) {
            if (at_end()) {
                fail("an array must end with ] on its line");
                break;
            }
            values.push_back(value(", \t]"));
            if (!take(',') && !rest_.starts_with(']') && !at_end())
                fail("an array needs commas between values");
        }
        return values;
    }

    void fail(std::string text) {
        if (problem_.empty()) problem_ = std::move(text);
    }

private:
    static bool is_comment(char c) { return c == '#' || c == ';'; }

    void skip_blanks() {
        const auto first = rest_.find_first_not_of(" \t\r");
        rest_.remove_prefix(first == std::string_view::npos ? rest_.size() : first);
    }

    std::string take_until(std::string_view ends) {
        std::string taken{rest_.substr(0, rest_.find_first_of(ends))};
        rest_.remove_prefix(taken.size());
        skip_blanks();
        return taken;
    }

    std::string literal() {
        const auto end = rest_.find('\'', 1);
        if (end == std::string_view::npos) {
            fail("a closing ' is missing");
            return {};
        }
        std::string text{rest_.substr(1, end - 1)};
        rest_.remove_prefix(end + 1);
        skip_blanks();
        return text;
    }

    std::string quoted() {
        std::string text;
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            if (rest_[i] == '"') {
                rest_.remove_prefix(i + 1);
                skip_blanks();
                return text;
            }
            if (rest_[i] != '\\') {
                text += rest_[i];
            } else if (const auto c = unescaped(++i < rest_.size() ? rest_[i] : '\0')) {
                text += *c;
            } else {
                fail(R"(after \ only ", \, n and t are known; '...' takes \ as it is)");
                return text;
            }
        }
        fail("a closing \" is missing");
        return text;
    }

    static std::optional<char> unescaped(char c) {
        switch (c) {
            case '"': return '"';
            case '\\': return '\\';
            case 'n': return '\n';
            case 't': return '\t';
            default: return std::nullopt;
        }
    }

    std::string_view rest_;
    std::string problem_;
};

std::string read_section(LineReader& reader, FileSection& section) {
    section.kind = reader.take(']') || reader.at_end() ? "" : reader.value(" \t]");
    if (section.kind.empty()) reader.fail("a section needs a name: [origin api.example.com]");
    while (reader.problem().empty() && !reader.take(']')) {
        if (reader.at_end()) {
            reader.fail("a section's line must end with ]");
            break;
        }
        section.arguments.push_back(reader.value(" \t]"));
    }
    if (!reader.at_end()) reader.fail("after [...] the settings follow on lines of their own");
    return reader.problem();
}

std::string read_setting(LineReader& reader, FileSetting& setting) {
    setting.name = reader.name();
    if (setting.name.empty()) return "a name is missing before =";
    if (reader.at_end()) {
        setting.values = {"true"};
        return {};
    }
    if (!reader.take('=')) return "'=' is missing after " + setting.name;
    setting.values = reader.take('[') ? reader.array() : std::vector{reader.value(" \t\r")};
    if (!reader.at_end()) reader.fail("a value with blanks needs quotes: name = \"a value\"");
    return reader.problem();
}

}  // namespace

std::variant<std::vector<FileSection>, FileProblem> parse_settings(std::string_view text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    std::vector<FileSection> sections(1);
    for (std::size_t line = 1; !text.empty(); ++line) {
        const auto end = text.find('\n');
        LineReader reader{text.substr(0, end)};
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (reader.at_end()) continue;
        std::string problem;
        if (reader.take('[')) {
            sections.push_back({.line = line, .kind = {}, .arguments = {}, .settings = {}});
            problem = read_section(reader, sections.back());
        } else {
            auto& settings = sections.back().settings;
            settings.push_back({.line = line, .name = {}, .values = {}});
            problem = read_setting(reader, settings.back());
        }
        if (!problem.empty()) return FileProblem{line, std::move(problem)};
    }
    return sections;
}

}  // namespace nikawa::daemon
