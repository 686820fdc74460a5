#include "daemon/options_check.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <variant>

#include "daemon/aws_metadata.hpp"
#include "daemon/credentials_file.hpp"
#include "nikawa/http/field_block.hpp"
#include "nikawa/mapping/host_mapper.hpp"
#include "nikawa/net/trust_store.hpp"

namespace nikawa::daemon {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) { return std::system_category().message(error); }

std::string ca_file_problem(const std::string& path, const Places& places) {
    if (path.empty()) return {};
    try {
        net::TrustStore::from_file(path);
        return {};
    } catch (const std::runtime_error& error) {
        return places.of("ca-file", error.what());  // which begins with the path
    }
}

/// Where a path of one name and no more stands.
fs::path directory_above(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path{"."};
}

/// Why files cannot be made in a directory; one that is not there yet is asked of the one above it.
std::string directory_problem(fs::path directory, bool may_be_missing) {
    std::error_code error;
    while (may_be_missing && !fs::exists(directory, error) && !error) {
        auto above = directory_above(directory);
        if (above == directory) break;
        directory = std::move(above);
    }
    const bool is_directory = fs::is_directory(directory, error);
    if (error) return directory.string() + ": " + error.message();
    if (!is_directory) return directory.string() + " is not a directory";
    if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        return directory.string() + " cannot be written to: " + reason(errno);
    }
    return {};
}

std::string log_problem(const std::string& directory, const Places& places) {
    if (directory.empty() || directory == "stdout" || directory == "none") return {};
    const auto problem = directory_problem(directory, true);
    if (problem.empty()) return {};
    return places.of("access-log-dir", directory) +
           ": must be a directory to write to, stdout or none: " + problem;
}

/// Why a file cannot be put in its place; an empty path is none.
std::string file_problem(std::string_view option, const std::string& path, const Places& places) {
    if (path.empty()) return {};
    std::error_code ignored;
    const auto problem = fs::is_directory(path, ignored)
                             ? path + " is a directory"
                             : directory_problem(directory_above(path), false);
    if (problem.empty()) return {};
    return places.of(option, path) + ": must be a file that can be written: " + problem;
}

/// What is wrong with where the keys for AWS come from.
std::string aws_problem(const Options& options, const Places& places) {
    if (const auto& file = options.aws_credentials; !file.empty()) {
        const auto read = read_credentials_file(file);
        if (const auto* const problem = std::get_if<std::string>(&read)) {
            return places.of("aws-credentials", file) + ": " + *problem;
        }
    }
    if (options.aws_metadata != "none") {
        const auto endpoint = metadata_endpoint(options.aws_metadata, &std::getenv);
        if (const auto* const problem = std::get_if<std::string>(&endpoint)) {
            return places.of("aws-metadata", options.aws_metadata) + ": " + *problem;
        }
    }
    return {};
}

std::string repeated_marker(const Options& options, const Places& places) {
    for (const auto& marker : options.http_markers) {
        for (const auto& other : options.https_markers) {
            if (!http::equal_ignoring_case(marker, other)) continue;
            const std::string text = "; it can mean only one";
            // Whoever set one of the two has made them equal.
            return places.has("http-marker")
                       ? places.of("http-marker", marker) + ": is also an https-marker" + text
                       : places.of("https-marker", other) + ": is also an http-marker" + text;
        }
    }
    return {};
}

/// The marker among the labels of a host pattern, which would decide before the pattern is asked.
std::string marker_in(std::string_view pattern, const Options& options) {
    mapping::HostRules rules;
    rules.https_markers = options.https_markers;
    rules.http_markers = options.http_markers;
    return std::string{mapping::marker_in(pattern, rules)};
}

std::string problem_with_hosts(const Options& options, const Places& places) {
    const auto refusal = [&](const std::string& place, const std::string& host) -> std::string {
        const auto marker = marker_in(host, options);
        if (marker.empty()) return {};
        return place + ": would never count, for the marker " + marker +
               " in it says already which origin is meant";
    };
    for (const auto& host : options.https_for) {
        auto problem = refusal(places.of("https-for", host), host);
        if (!problem.empty()) return problem;
    }
    for (std::size_t i = 0; i < options.map.size(); ++i) {
        const auto& host = options.map[i].host;
        auto problem = refusal(places.map.at(i) + "[map] " + host, host);
        if (!problem.empty()) return problem;
    }
    return {};
}

/// An origin's own name may hold a marker, but at its end it is what is taken off.
std::string problem_with_sections(const Options& options, const Places& places) {
    for (std::size_t i = 0; i < options.origin_sections.size(); ++i) {
        for (const auto& pattern : options.origin_sections[i].patterns) {
            const auto dot = pattern.find_last_of('.', pattern.size() - 2);  // one may end it
            if (dot == std::string::npos) continue;
            const auto marker = marker_in(pattern.substr(dot + 1), options);
            if (marker.empty()) continue;
            return std::string{places.origin_sections.at(i)}
                .append("[origin ")
                .append(pattern)
                .append("]: would never count, for the marker ")
                .append(marker)
                .append(" is no part of an origin's name; write ")
                .append(pattern, 0, dot);
        }
    }
    return {};
}

std::string problem_with_line(const Options& options, const Places& places) {
    if (options.max_request_line_bytes <= options.max_head_bytes) return {};
    const auto most = std::to_string(options.max_head_bytes);
    return places.of("max-request-line-bytes") + ": must not be more than max-head-bytes, " + most +
           ", for the line is a part of the head; lower it, or raise max-head-bytes";
}

}  // namespace

std::string problem_with(const Options& options, const Places& places) {
    const auto& state_file = options.state_file;
    auto problem = problem_with_line(options, places);
    if (problem.empty()) problem = repeated_marker(options, places);
    if (problem.empty()) problem = problem_with_hosts(options, places);
    if (problem.empty()) problem = problem_with_sections(options, places);
    if (problem.empty()) problem = ca_file_problem(options.ca_file, places);
    if (problem.empty()) problem = aws_problem(options, places);
    if (problem.empty()) problem = log_problem(options.access_log_dir, places);
    if (problem.empty()) problem = file_problem("pid-file", options.pid_file, places);
    if (problem.empty() && state_file != "none") {
        problem = file_problem("state-file", state_file, places);
    }
    return problem;
}

}  // namespace nikawa::daemon
