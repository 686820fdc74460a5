#include "daemon/options_sections.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "daemon/options_table.hpp"
#include "daemon/options_values.hpp"

namespace nikawa::daemon {
namespace {

struct SectionRow {
    std::string_view name;
    std::string OriginSection::*member;
};

constexpr std::array<SectionRow, 3> rows = {{
    {"ca-file", &OriginSection::ca_file},
    {"client-cert", &OriginSection::client_cert},
    {"client-key", &OriginSection::client_key},
}};

std::string refusal_of(const std::string& name) {
    std::string text = name + " cannot stand in a section [origin ...], where there are only";
    for (const auto& row : rows) text.append(&row == rows.data() ? " " : ", ").append(row.name);
    if (find_option(name) != nullptr) text += "; it must stand before the first section";
    return text;
}

/// Empty when nothing is wrong.
std::string take_setting(const FileSetting& setting, OriginSection& origin) {
    const auto row = std::ranges::find(rows, setting.name, &SectionRow::name);
    if (row == rows.end()) return refusal_of(setting.name);
    auto& value = origin.*row->member;
    if (!value.empty()) return setting.name + " stands in this section already";
    if (setting.values.size() != 1 || setting.values.front().empty()) {
        return setting.name + " must be the name of one file";
    }
    value = setting.values.front();
    return {};
}

/// Whether whatever matches `hosts` matches `pattern`, which is one.
bool covers(std::string_view pattern, const http::HostPattern& hosts) {
    const auto wide = http::HostPattern::parse(pattern).value();
    if (wide == hosts) return true;
    auto sample = hosts.to_string();
    if (sample.front() == '*') sample.front() = 'a';
    return pattern.front() == '*' && wide.matches(sample);
}

std::size_t line_of(const FileSection& section, std::string_view name) {
    const auto found = std::ranges::find(section.settings, name, &FileSetting::name);
    return found == section.settings.end() ? section.line : found->line;
}

}  // namespace

std::variant<OriginSection, FileProblem> origin_section(const FileSection& section) {
    OriginSection origin;
    if (section.arguments.empty()) {
        return FileProblem{section.line,
                           "[origin] must name hosts: [origin api.example.com *.example.net]"};
    }
    for (const auto& pattern : section.arguments) {
        if (!http::HostPattern::parse(pattern)) {
            return FileProblem{section.line,
                               "[origin " + pattern +
                                   "]: must be hosts without a port, such as api.example.com, "
                                   "*.example.com or 192.0.2.1, with blanks between"};
        }
    }
    origin.patterns = section.arguments;
    for (const auto& setting : section.settings) {
        if (auto problem = take_setting(setting, origin); !problem.empty()) {
            return FileProblem{setting.line, std::move(problem)};
        }
    }
    if (origin.client_cert.empty() && !origin.client_key.empty()) {
        return FileProblem{line_of(section, "client-key"),
                           "client-key needs client-cert = FILE, the certificate it belongs to"};
    }
    return origin;
}

std::optional<mapping::MapEntry> map_entry(const MapEntry& entry) {
    const auto hosts = http::HostPattern::parse(entry.host);
    if (!hosts) return std::nullopt;
    if (entry.origin == "https") return mapping::MapEntry{*hosts, http::Scheme::https};
    if (entry.origin == "http") return mapping::MapEntry{*hosts, http::Scheme::http};
    auto origin = parse_origin_url(entry.origin);
    if (!origin) return std::nullopt;
    return mapping::MapEntry{*hosts, origin->scheme, std::move(origin->host), origin->port};
}

FileProblem add_map_entries(const FileSection& section, std::vector<MapEntry>& map) {
    if (!section.arguments.empty()) {
        return {section.line, "[map] takes no names; they stand below it: api.example.com = https"};
    }
    for (const auto& [line, name, values] : section.settings) {
        const auto refused = [at = line, about = "[map] " + name](const std::string& text) {
            return FileProblem{at, about + text};
        };
        if (find_option(name) != nullptr) {
            return refused(": is an option, which must stand before the first section");
        }
        const auto hosts = http::HostPattern::parse(name);
        if (!hosts) {
            return refused(
                ": must be a host without a port, such as api.example.com, "
                "*.example.com or 192.0.2.1");
        }
        MapEntry entry{name, values.size() == 1 ? values.front() : ""};
        if (!map_entry(entry)) {
            return refused(" = " + entry.origin +
                           ": must be https, http, or a URL https://host[:port] or "
                           "http://host[:port] without a path");
        }
        for (const auto& earlier : map) {
            if (!covers(earlier.host, *hosts)) continue;
            return refused(": would never count, for " + earlier.host + " stands above");
        }
        map.push_back(std::move(entry));
    }
    return {0, {}};
}

net::TlsProfile tls_profile(const OriginSection& section) {
    net::TlsProfile profile;
    for (const auto& pattern : section.patterns) {
        profile.hosts.push_back(http::HostPattern::parse(pattern).value());
    }
    if (!section.ca_file.empty()) profile.trust = net::TrustStore::from_file(section.ca_file);
    if (!section.client_cert.empty()) {
        const auto& key = section.client_key.empty() ? section.client_cert : section.client_key;
        profile.certificate = net::ClientCertificate::from_files(section.client_cert, key);
    }
    return profile;
}

std::vector<net::TlsProfile> tls_profiles(const Options& options) {
    std::vector<net::TlsProfile> profiles;
    profiles.reserve(options.origin_sections.size());
    for (const auto& section : options.origin_sections) profiles.push_back(tls_profile(section));
    return profiles;
}

FileProblem problem_with_files(const FileSection& section, const OriginSection& origin) {
    try {
        tls_profile(origin);
        return {0, {}};
    } catch (const std::runtime_error& error) {
        const std::string text = error.what();
        for (const auto& row : rows) {
            const auto& file = origin.*row.member;
            if (file.empty() || !text.starts_with(file + ": ")) continue;
            return {line_of(section, row.name), std::string{row.name} + " = " + text};
        }
        return {section.line, text};
    }
}

}  // namespace nikawa::daemon
