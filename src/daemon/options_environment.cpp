#include "daemon/options_environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "daemon/options_values.hpp"

namespace nikawa::daemon {
namespace {

constexpr std::string_view prefix = "NIKAWA_";

/// READ_TIMEOUT for read-timeout.
std::string in_capitals(std::string_view name) {
    std::string result;
    for (const char c : name) {
        result += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    return result;
}

/// read-timeout for READ_TIMEOUT.
std::string in_small_letters(std::string_view name) {
    std::string result;
    for (const char c : name) {
        result += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return result;
}

std::string variable_of(const OptionRow& row) {
    return std::string{prefix}.append(in_capitals(row.name));
}

/// Kubernetes sets NIKAWA_PORT=tcp://... in every pod beside a service named nikawa, and
/// NIKAWA_ALLOW_PORT=tcp://... beside one named nikawa-allow.
bool is_port_of_service(std::string_view name, std::string_view value) {
    constexpr std::array<std::string_view, 3> schemes = {"tcp://", "udp://", "sctp://"};
    return name.ends_with("_PORT") && std::ranges::any_of(schemes, [&](std::string_view scheme) {
               return value.starts_with(scheme);
           });
}

/// "3000_TCP", "53_UDP_ADDR".
bool is_port_and_protocol(std::string_view text) {
    const auto end = text.find('_');
    if (end == std::string_view::npos || !parse_number(text.substr(0, end))) return false;
    const auto protocol = text.substr(end + 1);
    return protocol.starts_with("TCP") || protocol.starts_with("UDP") ||
           protocol.starts_with("SCTP");
}

bool is_of_service(std::string_view name, std::string_view value) {
    if (is_port_of_service(name, value) || name.ends_with("_SERVICE_HOST")) return true;
    if (name.find("_SERVICE_PORT") != std::string_view::npos) return true;
    constexpr std::string_view port = "_PORT_";
    const auto found = name.rfind(port);
    return found != std::string_view::npos &&
           is_port_and_protocol(name.substr(found + port.size()));
}

}  // namespace

Given given_in_environment() {
    Given given;
    for (const auto& row : option_table()) {
        if (row.sources == Sources::command_line) continue;
        const auto name = variable_of(row);
        const char* const value = std::getenv(name.c_str());
        // Empty is what templates make of what is not set.
        if (value == nullptr || *value == '\0' || is_port_of_service(name, value)) continue;
        given.push_back({&row, name + "=", values_of(row, value)});
    }
    return given;
}

std::string warning_about_variable(std::string_view name, std::string_view value) {
    if (!name.starts_with(prefix) || is_of_service(name, value)) return {};
    const auto option = in_small_letters(name.substr(prefix.size()));
    const auto* const row = find_option(option);
    const auto text = std::string{name} + " has no effect: ";
    if (row == nullptr || variable_of(*row) != name) {
        return text + "there is no such option" +
               suggestion(option, {variable_of, "=", Sources::not_in_file});
    }
    if (row->sources != Sources::command_line) return {};
    return text + "--" + option + " is for the command line alone";
}

std::vector<std::string> environment_warnings() {
    std::vector<std::string> warnings;
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
        const std::string_view text{*variable};
        const auto equals = std::min(text.find('='), text.size());
        auto warning = warning_about_variable(text.substr(0, equals),
                                              text.substr(std::min(equals + 1, text.size())));
        if (!warning.empty()) warnings.push_back(std::move(warning));
    }
    return warnings;
}

}  // namespace nikawa::daemon
