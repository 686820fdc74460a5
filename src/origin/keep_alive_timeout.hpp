#pragma once

#include <optional>

#include "nikawa/base/time.hpp"
#include "nikawa/http/field_block.hpp"

namespace nikawa::origin {

/// How long the origin says that it keeps an idle connection, by the `timeout` of its `Keep-Alive`
/// fields ("timeout=5, max=100"; RFC 2068 §19.7.1.1): the shortest, if there are several. What
/// cannot be read, or is 0, says nothing; what is longer than a day is a day.
std::optional<Duration> keep_alive_timeout(const http::FieldBlock& fields);

}  // namespace nikawa::origin
