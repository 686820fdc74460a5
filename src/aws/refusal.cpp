#include "nikawa/aws/refusal.hpp"

namespace nikawa::aws {}
