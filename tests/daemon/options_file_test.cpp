#include "daemon/options_file.hpp"

#include <gtest/gtest.h>

namespace nikawa::daemon {
namespace {

using Values = std::vector<std::string>;
using Parsed = std::variant<std::vector<FileSection>, FileProblem>;

std::vector<FileSetting> settings_before_sections(const Parsed& parsed) {
    const auto& sections = std::get<std::vector<FileSection>>(parsed);
    EXPECT_EQ(sections.size(), 1);
    EXPECT_EQ(sections[0].kind, "");
    return sections[0].settings;
}

TEST(ParseSettings, ReadsEveryKindOfValue) {
    struct Row {
        std::string_view line;
        std::string_view name;
        Values values;
    };
    const std::vector<Row> rows = {
        {"port = 3000", "port", {"3000"}},
        {"  port=3000  # the usual", "port", {"3000"}},
        {"port = 3000\r", "port", {"3000"}},
        {"read-timeout = 1h30m", "read-timeout", {"1h30m"}},
        {"insecure", "insecure", {"true"}},
        {"insecure = false ; not here", "insecure", {"false"}},
        {R"(via-name = "a \"b\" \\ \n\t#c")", "via-name", {"a \"b\" \\ \n\t#c"}},
        {R"(via-name = 'C:\new #1')", "via-name", {R"(C:\new #1)"}},
        {R"(via-name = "")", "via-name", {""}},
        {"resolver = [192.0.2.1, '192.0.2.2' , \"::1\"] # two",
         "resolver",
         {"192.0.2.1", "192.0.2.2", "::1"}},
        {"resolver = [ 192.0.2.1, ]", "resolver", {"192.0.2.1"}},
        {"resolver = []", "resolver", {}},
        {"ca-file = /etc/ssl/a#b.pem", "ca-file", {"/etc/ssl/a#b.pem"}},
        {"via-name = a;b ;c", "via-name", {"a;b"}},
        {"\xef\xbb\xbfport = 1", "port", {"1"}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.line);
        const auto parsed = parse_settings(row.line);
        if (const auto* problem = std::get_if<FileProblem>(&parsed)) FAIL() << problem->text;
        const auto settings = settings_before_sections(parsed);
        ASSERT_EQ(settings.size(), 1);
        EXPECT_EQ(settings[0].name, row.name);
        EXPECT_EQ(settings[0].values, row.values);
    }
}

TEST(ParseSettings, CountsLinesAndSkipsCommentsAndBlankOnes) {
    const auto parsed = parse_settings("# nikawa\n\n  ; more\nport = 1\n \nthreads = 2");
    const auto settings = settings_before_sections(parsed);
    ASSERT_EQ(settings.size(), 2);
    EXPECT_EQ(settings[0].line, 4);
    EXPECT_EQ(settings[1].line, 6);
}

TEST(ParseSettings, PutsWhatFollowsASectionsLineIntoIt) {
    const auto parsed = parse_settings(
        "port = 1\n"
        "[origin api.example.com \"*.example.net\" ::1]  # three\n"
        "ca-file = /etc/a.pem\n"
        "\n"
        "[ origin other.example ]\n"
        "[map]\n"
        "api-proxy.local:80 = https://api.example.com\n");
    const auto& sections = std::get<std::vector<FileSection>>(parsed);
    ASSERT_EQ(sections.size(), 4);
    EXPECT_EQ(sections[0].settings.size(), 1);
    EXPECT_EQ(sections[1].line, 2);
    EXPECT_EQ(sections[1].kind, "origin");
    EXPECT_EQ(sections[1].arguments, (Values{"api.example.com", "*.example.net", "::1"}));
    ASSERT_EQ(sections[1].settings.size(), 1);
    EXPECT_EQ(sections[1].settings[0].line, 3);
    EXPECT_EQ(sections[2].arguments, Values{"other.example"});
    EXPECT_TRUE(sections[2].settings.empty());
    EXPECT_EQ(sections[3].kind, "map");
    ASSERT_EQ(sections[3].settings.size(), 1);
    EXPECT_EQ(sections[3].settings[0].name, "api-proxy.local:80");
    EXPECT_EQ(sections[3].settings[0].values, Values{"https://api.example.com"});
}

TEST(ParseSettings, NamesWhatIsWrong) {
    struct Row {
        std::string_view line;
        std::string_view text;
    };
    const Row rows[] = {
        {"[]", "a section needs a name: [origin api.example.com]"},
        {"[", "a section needs a name: [origin api.example.com]"},
        {"[origin a", "a section's line must end with ]"},
        {"[origin a # b]", "a section's line must end with ]"},
        {"[origin a] b", "after [...] the settings follow on lines of their own"},
        {"[origin [::1]]", "after [...] the settings follow on lines of their own"},
        {"= 3", "a name is missing before ="},
        {"port 3", "'=' is missing after port"},
        {"port =", "a value is missing"},
        {"port = # none", "a value is missing"},
        {"port = \xef\xbb\xbf 1", "a value with blanks needs quotes: name = \"a value\""},
        {"port = 3 4", "a value with blanks needs quotes: name = \"a value\""},
        {"via-name = \"a", "a closing \" is missing"},
        {"via-name = 'a", "a closing ' is missing"},
        {R"(via-name = "\x")", "after \\ only \", \\, n and t are known; '...' takes \\ as it is"},
        {R"(via-name = "\)", "after \\ only \", \\, n and t are known; '...' takes \\ as it is"},
        {"resolver = [a, b", "an array must end with ] on its line"},
        {"resolver = [a b]", "an array needs commas between values"},
        {"resolver = [,]", "a value is missing"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.line);
        const auto parsed = parse_settings("\n" + std::string{row.line});
        ASSERT_TRUE(std::holds_alternative<FileProblem>(parsed));
        EXPECT_EQ(std::get<FileProblem>(parsed).text, row.text);
        EXPECT_EQ(std::get<FileProblem>(parsed).line, 2);
    }
}

}  // namespace
}  // namespace nikawa::daemon
