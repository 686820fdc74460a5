#include "nikawa/daemon/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <system_error>
#include <utility>

#include "daemon/options_check.hpp"
#include "daemon/options_file.hpp"
#include "daemon/options_help.hpp"
#include "daemon/options_sections.hpp"
#include "daemon/options_table.hpp"

namespace nikawa::daemon {
namespace {

using Values = std::vector<std::string>;
using Given = std::map<const OptionRow*, Values>;

/// Ends the parsing with a message; caught by parse_options().
struct Refused {
    std::string text;
};

/// What CLI11 does not take and chocon's users may write: "--name=" for an empty value, "-p=3000".
Values arguments(int argc, const char* const* argv) {
    Values result;
    for (int i = 1; i < argc; ++i) {
        std::string argument = argv[i];
        const auto equals = argument.find('=');
        if (argument.starts_with("--") && equals == argument.size() - 1) {
            result.push_back(argument.substr(0, equals));
            result.emplace_back();
        } else if (argument.starts_with('-') && equals == 2 && argument[1] != '-') {
            result.push_back(argument.substr(0, equals));
            result.push_back(argument.substr(equals + 1));
        } else {
            result.push_back(std::move(argument));
        }
    }
    return result;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

/// "; did you mean port?", or nothing when no option has a similar name.
std::string suggestion(std::string_view name, std::string_view prefix) {
    const auto& table = option_table();
    const auto nearest = std::min_element(table.begin(), table.end(), [&](auto& a, auto& b) {
        return edit_distance(name, a.name) < edit_distance(name, b.name);
    });
    if (edit_distance(name, nearest->name) > 2) return {};
    return "; did you mean " + std::string{prefix}.append(nearest->name) + "?";
}

std::string refusal_of_extra(const std::string& argument) {
    if (!argument.starts_with('-')) {
        return "unexpected argument '" + argument + "': there are only options";
    }
    const auto name = argument.substr(0, argument.find('='));
    return "unknown option " + name +
           suggestion(name.substr(std::min<std::size_t>(2, name.size())), "--");
}

/// "; it must be a number from 0 to 65535" for the option that stands last without a value.
std::string allowed_for(const std::string& argument) {
    for (const auto& row : option_table()) {
        const bool named = argument == "--" + std::string{row.name} ||
                           (row.letter != 0 && argument == std::string{'-', row.letter});
        if (named) return "; it must be " + row.rule.allowed;
    }
    return {};
}

std::string names_for_cli11(const OptionRow& row) {
    std::string names = "--" + std::string{row.name};
    if (row.letter != 0) names = std::string{"-"} + row.letter + "," + names;
    // What is on by default needs a way to be off.
    if (row.fallback == "(on)") names += ",!--no-" + std::string{row.name};
    return names;
}

Given parse_command_line(int argc, const char* const* argv) {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    std::map<const OptionRow*, CLI::Option*> options;
    for (const auto& row : option_table()) {
        const auto names = names_for_cli11(row);
        auto*& option = options[&row];
        if (row.rule.arity == Arity::flag) {
            option = app.add_flag(names);
        } else {
            option = app.add_option(names, [](const CLI::results_t&) { return true; });
            if (row.rule.arity == Arity::list) option->expected(-1)->delimiter(',');
        }
        option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        if (row.rule.arity != Arity::list) option->allow_extra_args(false);
    }

    auto rest = arguments(argc, argv);
    const auto last = rest.empty() ? std::string{} : rest.back();
    std::reverse(rest.begin(), rest.end());  // CLI11 takes from the end
    try {
        app.parse(std::move(rest));
    } catch (const CLI::ArgumentMismatch&) {
        throw Refused{last + ": a value is missing" + allowed_for(last)};
    } catch (const CLI::ParseError& error) {
        throw Refused{error.what()};
    }
    if (const auto extras = app.remaining(); !extras.empty()) {
        throw Refused{refusal_of_extra(extras.front())};
    }
    Given given;
    for (const auto& [row, option] : options) {
        if (!option->empty()) given[row] = option->results();
    }
    return given;
}

std::string environment_name(const OptionRow& row) {
    std::string name = "NIKAWA_";
    for (const char c : row.name) {
        name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    return name;
}

Given parse_environment() {
    Given given;
    for (const auto& row : option_table()) {
        if (row.sources == Sources::command_line) continue;
        const char* const value = std::getenv(environment_name(row).c_str());
        if (value == nullptr || *value == '\0') continue;
        // Kubernetes sets NIKAWA_PORT=tcp://... in every pod beside a service named nikawa.
        if (row.name == "port" && std::string_view{value}.starts_with("tcp://")) continue;
        if (row.rule.arity == Arity::list) {
            given[&row] = CLI::detail::split(value, ',');
        } else {
            given[&row] = {value};
        }
    }
    return given;
}

void apply(const OptionRow& row, const Values& values, const std::string& where, Options& options) {
    if (row.rule.apply(options, values)) return;
    throw Refused{where + CLI::detail::join(values, ",") + ": must be " + row.rule.allowed};
}

std::string content_of(const std::string& path) {
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    const std::unique_ptr<std::FILE, Close> file{std::fopen(path.c_str(), "re")};
    std::string text;
    std::array<char, 4096> piece{};
    while (file != nullptr) {
        const auto size = std::fread(piece.data(), 1, piece.size(), file.get());
        text.append(piece.data(), size);
        if (size < piece.size()) break;
    }
    if (file == nullptr || std::ferror(file.get()) != 0) {
        throw Refused{"--config=" + path +
                      ": cannot be read: " + std::system_category().message(errno)};
    }
    return text;
}

void apply_setting(const FileSetting& setting, const std::string& where, Options& options) {
    const auto* const row = find_option(setting.name);
    if (row == nullptr) {
        throw Refused{where + "unknown option " + setting.name + suggestion(setting.name, "")};
    }
    if (row->sources != Sources::everywhere) {
        throw Refused{where + setting.name + " cannot stand in a file"};
    }
    auto values = setting.values;
    if (row->rule.arity == Arity::list && values.size() == 1) {
        values = CLI::detail::split(values.front(), ',');
    }
    if (row->rule.arity == Arity::list && values.empty()) values = {""};
    if (row->rule.arity != Arity::list && values.size() != 1) {
        throw Refused{where + setting.name + " takes one value, not an array"};
    }
    apply(*row, values, where + setting.name + " = ", options);
}

Refused refused(const std::string& path, const FileProblem& problem) {
    return Refused{path + ":" + std::to_string(problem.line) + ": " + problem.text};
}

void apply_section(const FileSection& section, const std::string& path, Options& options) {
    if (section.kind == "map") {
        const auto problem = add_map_entries(section, options.map);
        if (!problem.text.empty()) throw refused(path, problem);
        return;
    }
    if (section.kind != "origin") {
        throw refused(
            path,
            {section.line,
             "unknown section [" + section.kind + "]; there are [origin PATTERN...] and [map]"});
    }
    const auto parsed = origin_section(section);
    if (const auto* problem = std::get_if<FileProblem>(&parsed)) throw refused(path, *problem);
    const auto& origin = std::get<OriginSection>(parsed);
    const auto problem = problem_with_files(section, origin);
    if (!problem.text.empty()) throw refused(path, problem);
    options.origin_sections.push_back(origin);
}

void apply_file(const std::string& path, Options& options) {
    const auto parsed = parse_settings(content_of(path));
    if (const auto* problem = std::get_if<FileProblem>(&parsed)) throw refused(path, *problem);
    for (const auto& section : std::get<std::vector<FileSection>>(parsed)) {
        if (!section.kind.empty()) {
            apply_section(section, path, options);
            continue;
        }
        for (const auto& setting : section.settings) {
            apply_setting(setting, path + ":" + std::to_string(setting.line) + ": ", options);
        }
    }
}

Options options_from_all_sources(const Given& command_line) {
    const auto environment = parse_environment();
    Options options;
    // chocon counts rotations, and so do these until the time between them is known.
    constexpr int default_rotations = 30;
    options.access_log_rotate = std::chrono::seconds{default_rotations};

    const auto* const config = find_option("config");
    for (const auto* given : {&command_line, &environment}) {
        if (const auto found = given->find(config); found != given->end()) {
            apply_file(found->second.back(), options);
            break;
        }
    }
    for (const auto& [row, values] : environment) {
        apply(*row, values, environment_name(*row) + "=", options);
    }
    for (const auto& [row, values] : command_line) {
        const auto shown = row->rule.arity == Arity::list ? values : Values{values.back()};
        apply(*row, shown, "--" + std::string{row->name} + "=", options);
    }

    constexpr auto longest_keep = std::chrono::hours{24 * 36500};
    options.access_log_rotate = std::min<std::chrono::seconds>(
        options.access_log_rotate * options.access_log_rotate_time.count(), longest_keep);
    if (auto problem = problem_with(options); !problem.empty()) throw Refused{std::move(problem)};
    return options;
}

}  // namespace

std::string state_file_path(const Options& options) {
    if (options.state_file == "none") return {};
    if (!options.state_file.empty()) return options.state_file;
    const char* const directories = std::getenv("STATE_DIRECTORY");  // one, or several with colons
    if (directories == nullptr || *directories == '\0') return {};
    const std::string_view all{directories};
    return std::string{all.substr(0, all.find(':'))} + "/state.json";
}

std::variant<Options, ExitNow> parse_options(int argc, const char* const* argv) {
    try {
        const auto command_line = parse_command_line(argc, argv);
        if (command_line.contains(find_option("help"))) return ExitNow{0, help_text()};
        if (command_line.contains(find_option("version"))) return ExitNow{0, version_text()};
        auto options = options_from_all_sources(command_line);
        if (options.check) return ExitNow{0, "configuration is fine\n"};
        return options;
    } catch (const Refused& refused) {
        return ExitNow{2, "nikawa: " + refused.text + "\nTry 'nikawa --help'.\n"};
    }
}

}  // namespace nikawa::daemon
