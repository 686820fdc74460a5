#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nikawa/daemon/options.hpp"

namespace nikawa::daemon {

inline std::variant<Options, ExitNow> parse(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv{"nikawa"};
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    return parse_options(static_cast<int>(argv.size()), argv.data());
}

inline Options accepted(const std::vector<std::string>& arguments) {
    auto result = parse(arguments);
    if (const auto* exit = std::get_if<ExitNow>(&result)) {
        ADD_FAILURE() << exit->text;
        return {};
    }
    return std::get<Options>(result);
}

/// The message without the name of the program and the hint that end every refusal.
inline std::string refusal(const std::vector<std::string>& arguments) {
    constexpr std::string_view hint = "\nTry 'nikawa --help'.\n";
    const auto result = parse(arguments);
    if (std::holds_alternative<Options>(result)) return "";
    const auto& exit = std::get<ExitNow>(result);
    EXPECT_EQ(exit.exit_code, 2);
    EXPECT_THAT(exit.text, testing::StartsWith("nikawa: "));
    EXPECT_THAT(exit.text, testing::EndsWith(hint));
    return exit.text.substr(8, exit.text.size() - 8 - hint.size());
}

/// A variable of the environment while it lives.
class Variable {
public:
    Variable(const char* name, const std::string& value) : name_(name) {
        setenv(name, value.c_str(), 1);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() { unsetenv(name_); }

private:
    const char* name_;
};

}  // namespace nikawa::daemon
