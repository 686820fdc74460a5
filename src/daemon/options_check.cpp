#include "daemon/options_check.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <variant>

#include "daemon/aws_metadata.hpp"
#include "daemon/credentials_file.hpp"
#include "nikawa/http/field_block.hpp"
#include "nikawa/net/trust_store.hpp"

namespace nikawa::daemon {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) { return std::system_category().message(error); }

std::string ca_file_problem(const std::string& path) {
    try {
        net::TrustStore::from_file(path);
        return {};
    } catch (const std::runtime_error& error) {
        return std::string{"--ca-file="} + error.what();
    }
}

/// Why files cannot be made in a directory; one that is not there yet is asked of the one above it.
std::string directory_problem(fs::path directory, bool may_be_missing) {
    std::error_code error;
    while (may_be_missing && !fs::exists(directory, error) && !error &&
           directory.has_parent_path() && directory != directory.parent_path()) {
        directory = directory.parent_path();
    }
    if (directory.empty()) directory = ".";
    const bool is_directory = fs::is_directory(directory, error);
    if (error) return directory.string() + ": " + error.message();
    if (!is_directory) return directory.string() + " is not a directory";
    if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        return directory.string() + " cannot be written to: " + reason(errno);
    }
    return {};
}

/// Why a file cannot be put in its place; an empty path is none.
std::string file_problem(std::string_view option, const std::string& path) {
    if (path.empty()) return {};
    const auto problem = directory_problem(fs::path{path}.parent_path(), false);
    if (problem.empty()) return {};
    return std::string{option} + "=" + path + ": must be a file that can be written: " + problem;
}

/// What is wrong with where the keys for AWS come from.
std::string aws_problem(const Options& options) {
    if (const auto& file = options.aws_credentials; !file.empty()) {
        const auto read = read_credentials_file(file);
        if (const auto* const problem = std::get_if<std::string>(&read)) {
            return "--aws-credentials=" + file + ": " + *problem;
        }
    }
    if (options.aws_metadata != "none") {
        const auto endpoint = metadata_endpoint(options.aws_metadata, &std::getenv);
        if (const auto* const problem = std::get_if<std::string>(&endpoint)) {
            return "--aws-metadata=" + options.aws_metadata + ": " + *problem;
        }
    }
    return {};
}

std::string repeated_marker(const Options& options) {
    const auto equal = [](const std::string& a, const std::string& b) {
        return strcasecmp(a.c_str(), b.c_str()) == 0;
    };
    for (const auto& marker : options.https_markers) {
        for (const auto& other : options.http_markers) {
            if (equal(marker, other)) return marker;
        }
    }
    return {};
}

/// The marker among the labels of a host pattern, which would decide before the pattern is asked.
std::string marker_in(std::string_view pattern, const Options& options) {
    for (const auto* markers : {&options.https_markers, &options.http_markers}) {
        for (const auto& marker : *markers) {
            for (auto rest = pattern; !rest.empty();) {
                const auto label = rest.substr(0, rest.find('.'));
                if (http::equal_ignoring_case(label, marker)) return marker;
                rest.remove_prefix(std::min(label.size() + 1, rest.size()));
            }
        }
    }
    return {};
}

std::string problem_with_hosts(const Options& options) {
    const auto refusal = [&](const std::string& option, const std::string& host) -> std::string {
        const auto marker = marker_in(host, options);
        if (marker.empty()) return {};
        return option + host + ": would never count, for the marker " + marker +
               " in it says already which origin is meant";
    };
    for (const auto& host : options.https_for) {
        if (auto problem = refusal("--https-for=", host); !problem.empty()) return problem;
    }
    for (const auto& entry : options.map) {
        if (auto problem = refusal("[map] ", entry.host); !problem.empty()) return problem;
    }
    return {};
}

}  // namespace

std::string problem_with(const Options& options) {
    if (options.max_request_line_bytes > options.max_head_bytes) {
        return "--max-request-line-bytes=" + std::to_string(options.max_request_line_bytes) +
               ": must not be more than --max-head-bytes=" +
               std::to_string(options.max_head_bytes) + ", of which the line is a part";
    }
    if (const auto marker = repeated_marker(options); !marker.empty()) {
        return "--http-marker=" + marker + ": is also an --https-marker; it can mean only one";
    }
    if (auto problem = problem_with_hosts(options); !problem.empty()) return problem;
    if (!options.ca_file.empty()) {
        if (auto problem = ca_file_problem(options.ca_file); !problem.empty()) return problem;
    }
    if (auto problem = aws_problem(options); !problem.empty()) return problem;
    const auto& log = options.access_log_dir;
    if (!log.empty() && log != "stdout" && log != "none") {
        if (const auto problem = directory_problem(log, true); !problem.empty()) {
            return "--access-log-dir=" + log +
                   ": must be a directory to write to, stdout or none: " + problem;
        }
    }
    if (auto problem = file_problem("--pid-file", options.pid_file); !problem.empty()) {
        return problem;
    }
    return file_problem("--state-file", options.state_file == "none" ? "" : options.state_file);
}

}  // namespace nikawa::daemon
