#include "origin/interim_allowance.hpp"

#include <string>

#include "nikawa/base/library_category.hpp"

namespace nikawa::origin {
namespace {

std::string words(int /*code*/) { return "a flood of interim responses (1xx) came before it"; }

constexpr LibraryCategory interim_category{"interim", words};

}  // namespace

Failure interim_flood() { return {Errc::malformed, Side::origin, {1, interim_category}}; }

}  // namespace nikawa::origin
