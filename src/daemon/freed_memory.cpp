#include "daemon/freed_memory.hpp"

#include <malloc.h>

#include <algorithm>

namespace nikawa::daemon {
namespace {

constexpr int kept_bytes = 8 * 1024 * 1024;

constexpr std::size_t smallest_crowd = 1000;
constexpr std::size_t looks_until_calm = 3;

}  // namespace

void keep_freed_memory() { mallopt(M_TRIM_THRESHOLD, kept_bytes); }

void give_back_freed_memory() { malloc_trim(kept_bytes); }

bool CrowdWatch::has_left(std::size_t open, std::size_t most_meanwhile) {
    most_ = std::max(most_, most_meanwhile);
    const bool is_gone = most_ - open >= smallest_crowd && open <= most_ / 2;
    calm_looks_ = is_gone ? calm_looks_ + 1 : 0;
    if (calm_looks_ < looks_until_calm) return false;
    most_ = open;
    calm_looks_ = 0;
    return true;
}

}  // namespace nikawa::daemon
