#pragma once

#include <span>
#include <string_view>

namespace nikawa {

/// Octets as they stand on the wire, not owned. A view stays valid only as long as the function
/// that hands it out says.
using Bytes = std::string_view;

/// Room to write octets into, not owned.
using MutableBytes = std::span<char>;

}  // namespace nikawa
