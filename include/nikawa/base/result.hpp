#pragma once

#include <boost/system/result.hpp>

#include "nikawa/base/failure.hpp"

namespace nikawa {

/// What can fail returns this: a value or a `Failure`.
template <class T>
using Result = boost::system::result<T, Failure>;

}  // namespace nikawa
