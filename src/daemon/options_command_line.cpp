#include "daemon/options_command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

namespace nikawa::daemon {
namespace {

using Values = std::vector<std::string>;

std::string name_of(const OptionRow& row) { return "--" + std::string{row.name}; }

std::string where_of(const OptionRow& row) { return name_of(row) + "="; }

/// What CLI11 does not take and chocon's users may write: "--name=" for an empty value, "-p=3000".
Values arguments(int argc, const char* const* argv) {
    Values result;
    for (int i = 1; i < argc; ++i) {
        std::string argument = argv[i];
        const auto equals = argument.find('=');
        if (argument.starts_with("--") && equals == argument.size() - 1) {
            const auto* const row = find_option(argument.substr(2, equals - 2));
            // To CLI11 that is the flag alone.
            if (row != nullptr && row->rule.arity == Arity::flag) {
                throw refusal_of({row, where_of(*row), {""}});
            }
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

std::string refusal_of_extra(const std::string& argument) {
    if (!argument.starts_with('-')) {
        return "unexpected argument '" + argument + "': there are only options";
    }
    const auto name = argument.substr(0, argument.find('='));
    return "unknown option " + name +
           suggestion(name.substr(std::min<std::size_t>(2, name.size())),
                      {name_of, "=", Sources::command_line});
}

/// "; it must be a number from 0 to 65535" for the option that stands last without a value.
std::string allowed_for(const std::string& argument) {
    for (const auto& row : option_table()) {
        const bool named = argument == name_of(row) ||
                           (row.letter != 0 && argument == std::string{'-', row.letter});
        if (named) return "; it must be " + row.rule.allowed;
    }
    return {};
}

std::string names_for_cli11(const OptionRow& row) {
    std::string names = name_of(row);
    if (row.letter != 0) names = std::string{"-"} + row.letter + "," + names;
    // What is on by default needs a way to be off.
    if (row.fallback == "(on)") names += ",!--no-" + std::string{row.name};
    return names;
}

}  // namespace

Given given_on_command_line(int argc, const char* const* argv) {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    std::vector<std::pair<const OptionRow*, CLI::Option*>> options;
    for (const auto& row : option_table()) {
        const auto names = names_for_cli11(row);
        CLI::Option* option = nullptr;
        if (row.rule.arity == Arity::flag) {
            option = app.add_flag(names);
        } else {
            option = app.add_option(names, [](const CLI::results_t&) { return true; });
            if (row.rule.arity == Arity::list) option->expected(-1);
        }
        option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        if (row.rule.arity != Arity::list) option->allow_extra_args(false);
        options.emplace_back(&row, option);
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
        if (option->empty()) continue;
        for (const auto& text : option->results()) {
            given.push_back({row, where_of(*row), values_of(*row, text)});
        }
    }
    return given;
}

}  // namespace nikawa::daemon
