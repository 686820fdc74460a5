#pragma once

#include <chrono>

#include "nikawa/http/field_block.hpp"

namespace nikawa::http {

/// Adds Date to a response that has none (RFC 9110 §6.6.1). A clock that was never set, as it
/// stands in the last century, is no clock.
void add_date(FieldBlock& fields, std::chrono::system_clock::time_point now);

}  // namespace nikawa::http
