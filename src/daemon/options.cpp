#include "nikawa/daemon/options.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include "daemon/options_check.hpp"
#include "daemon/options_command_line.hpp"
#include "daemon/options_environment.hpp"
#include "daemon/options_file.hpp"
#include "daemon/options_given.hpp"
#include "daemon/options_help.hpp"
#include "daemon/options_sections.hpp"
#include "daemon/options_table.hpp"

namespace nikawa::daemon {
namespace {

std::string content_of(const std::string& path, const std::string& place) {
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
        throw Refused{place + ": cannot be read: " + std::system_category().message(errno)};
    }
    return text;
}

Refused refused(const std::string& path, const FileProblem& problem) {
    return Refused{path + ":" + std::to_string(problem.line) + ": " + problem.text};
}

std::string name_in_file(const OptionRow& row) { return std::string{row.name}; }

GivenOption given_in_file(const FileSetting& setting, const std::string& place) {
    const auto* const row = find_option(setting.name);
    if (row == nullptr) {
        throw Refused{place + "unknown option " + setting.name +
                      suggestion(setting.name, {name_in_file, " = ", Sources::everywhere})};
    }
    if (row->sources != Sources::everywhere) {
        throw Refused{place + setting.name + " cannot stand in a file"};
    }
    GivenOption given{row, place + setting.name + " = ", setting.values};
    if (row->rule.arity == Arity::list) {
        if (given.values.size() == 1) given.values = values_of(*row, given.values.front());
        if (given.values.empty()) given.values = {""};
    } else if (given.values.size() != 1) {
        throw Refused{place + setting.name + " takes one value, not an array"};
    }
    return given;
}

/// Takes the sources one after the other, the weakest first.
class Reader {
public:
    Reader();

    void take_file(const std::string& path, const std::string& place);
    void take(const Given& source);

    /// Throws `Refused` when what is said does not go together.
    Options finish();

private:
    void take_section(const FileSection& section, const std::string& path);

    Options options_;
    Places places_;
};

// chocon counts rotations, and so do these until the time between them is known.
Reader::Reader() {
    constexpr int default_rotations = 30;
    options_.access_log_rotate = std::chrono::seconds{default_rotations};
}

/// Of a list all that one source says counts; of any other option the last.
void Reader::take(const Given& source) {
    std::map<const OptionRow*, std::vector<GivenOption>> of_source;
    for (const auto& given : source) {
        const auto& rule = given.row->rule;
        if (!has_what_it_needs(given) || !rule.apply(options_, given.values)) {
            throw refusal_of(given);
        }
        auto& places = of_source[given.row];
        places.push_back(given);
        if (rule.arity != Arity::list || places.size() == 1) continue;
        GivenOption all{given.row, given.where, {}};
        for (const auto& [row, where, values] : places) {
            all.values.insert(all.values.end(), values.begin(), values.end());
        }
        if (!rule.apply(options_, all.values)) throw refusal_of(all);
    }
    for (auto& [row, places] : of_source) places_.set(*row, std::move(places));
}

void Reader::take_section(const FileSection& section, const std::string& path) {
    if (section.kind == "map") {
        const auto problem = add_map_entries(section, options_.map);
        if (!problem.text.empty()) throw refused(path, problem);
        for (const auto& setting : section.settings) {
            places_.map.push_back(path + ":" + std::to_string(setting.line) + ": ");
        }
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
    options_.origin_sections.push_back(origin);
    places_.origin_sections.push_back(path + ":" + std::to_string(section.line) + ": ");
}

void Reader::take_file(const std::string& path, const std::string& place) {
    const auto parsed = parse_settings(content_of(path, place));
    if (const auto* problem = std::get_if<FileProblem>(&parsed)) throw refused(path, *problem);
    for (const auto& section : std::get<std::vector<FileSection>>(parsed)) {
        if (!section.kind.empty()) {
            take_section(section, path);
            continue;
        }
        Given given;
        for (const auto& setting : section.settings) {
            given.push_back(
                given_in_file(setting, path + ":" + std::to_string(setting.line) + ": "));
        }
        take(given);
    }
}

Options Reader::finish() {
    constexpr auto longest_keep = std::chrono::hours{24 * 36500};
    options_.access_log_rotate = std::min<std::chrono::seconds>(
        options_.access_log_rotate * options_.access_log_rotate_time.count(), longest_keep);
    if (!places_.has("max-request-line-bytes")) {
        options_.max_request_line_bytes =
            std::min(options_.max_request_line_bytes, options_.max_head_bytes);
    }
    if (auto problem = problem_with(options_, places_); !problem.empty()) {
        throw Refused{std::move(problem)};
    }
    return std::move(options_);
}

Options options_from_all_sources(const Given& command_line) {
    const auto environment = given_in_environment();
    Reader reader;
    const auto is_config = [](const GivenOption& given) { return given.row->name == "config"; };
    for (const auto* source : {&command_line, &environment}) {
        const auto last = std::find_if(source->rbegin(), source->rend(), is_config);
        if (last == source->rend()) continue;
        if (!has_what_it_needs(*last)) throw refusal_of(*last);
        const auto& path = last->values.front();
        reader.take_file(path, last->where + path);
        break;
    }
    reader.take(environment);
    reader.take(command_line);
    auto options = reader.finish();
    options.warnings = environment_warnings();
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
        const auto command_line = given_on_command_line(argc, argv);
        const auto has = [&](std::string_view name) {
            return std::ranges::any_of(
                command_line, [name](const GivenOption& given) { return given.row->name == name; });
        };
        if (has("help")) return ExitNow{0, help_text()};
        if (has("version")) return ExitNow{0, version_text()};
        auto options = options_from_all_sources(command_line);
        if (options.check) {
            std::string text;
            for (const auto& warning : options.warnings) text += "warning: " + warning + "\n";
            return ExitNow{0, text + "configuration is fine\n"};
        }
        return options;
    } catch (const Refused& refused) {
        return ExitNow{2, "nikawa: " + refused.text + "\nTry 'nikawa --help'.\n"};
    }
}

}  // namespace nikawa::daemon
