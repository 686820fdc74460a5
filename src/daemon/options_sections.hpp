#pragma once

#include <variant>

#include "daemon/options_file.hpp"
#include "nikawa/daemon/options.hpp"
#include "nikawa/net/tls_context.hpp"

namespace nikawa::daemon {

/// What a section `[origin PATTERN...]` of a file says, or what is wrong with it. The files that it
/// names are not looked at.
std::variant<OriginSection, FileProblem> origin_section(const FileSection& section);

/// The profile of a section, its files loaded. Throws std::runtime_error that begins with the file
/// it is about.
net::TlsProfile tls_profile(const OriginSection& section);

/// Those of all sections, in their order. Throws as above.
std::vector<net::TlsProfile> tls_profiles(const Options& options);

/// What is wrong with the files of `origin`, which is what `section` says; nothing, with line 0,
/// when nothing is.
FileProblem problem_with_files(const FileSection& section, const OriginSection& origin);

}  // namespace nikawa::daemon
