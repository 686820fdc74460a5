#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nikawa/aws/credentials.hpp"

namespace nikawa::aws {

/// The time that "20130524T000000Z" tells, or nothing when it is none.
std::optional<WallTime> parse_timestamp(std::string_view text);

/// The time that "2013-05-24T00:00:00Z" tells, with or without a fraction of the second.
std::optional<WallTime> parse_iso_time(std::string_view text);

/// The value of a Date field (RFC 9110 §5.6.7, all three formats; AWS takes ISO 8601 too) as
/// "20130524T000000Z", which is how it is signed.
std::optional<std::string> timestamp_of_date(std::string_view date);

}  // namespace nikawa::aws
