#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "daemon/options_file.hpp"
#include "nikawa/daemon/options.hpp"
#include "nikawa/mapping/host_mapper.hpp"
#include "nikawa/net/tls_context.hpp"

namespace nikawa::daemon {

/// What a section `[origin PATTERN...]` of a file says, or what is wrong with it. The files that it
/// names are not looked at.
std::variant<OriginSection, FileProblem> origin_section(const FileSection& section);

/// Adds the lines of a section `[map]` of a file. Gives what is wrong with one; nothing, with line
/// 0, when nothing is.
FileProblem add_map_entries(const FileSection& section, std::vector<MapEntry>& map);

/// What an entry says to the mapper; nothing if its host is no pattern or its origin none.
std::optional<mapping::MapEntry> map_entry(const MapEntry& entry);

/// The profile of a section, its files loaded. Throws std::runtime_error that begins with the file
/// it is about.
net::TlsProfile tls_profile(const OriginSection& section);

/// Those of all sections, in their order. Throws as above.
std::vector<net::TlsProfile> tls_profiles(const Options& options);

/// What is wrong with the files of `origin`, which is what `section` says; nothing, with line 0,
/// when nothing is.
FileProblem problem_with_files(const FileSection& section, const OriginSection& origin);

}  // namespace nikawa::daemon
