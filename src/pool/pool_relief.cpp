// What pools give up when the process has no descriptor left.

#include <algorithm>

#include "nikawa/pool/pool_set.hpp"
#include "pool/member.hpp"

namespace nikawa::pool {
namespace {

constexpr Failure for_its_descriptor{Errc::descriptors_exhausted, Side::self};

}  // namespace

// The one that has been idle for longest; nothing if all are in use.
OriginPool::Member* OriginPool::longest_idle() const noexcept {
    Member* longest = nullptr;
    for (Member* const member : members_) {
        if (member->session->is_retired() || member->session->streams() > 0) continue;
        if (longest == nullptr || member->session->idle_since() < longest->session->idle_since()) {
            longest = member;
        }
    }
    return longest;
}

std::optional<TimePoint> OriginPool::idle_since() const noexcept {
    const Member* const longest = longest_idle();
    if (longest == nullptr) return std::nullopt;
    return longest->session->idle_since();
}

void OriginPool::end_longest_idle() noexcept {
    Member* const longest = longest_idle();
    if (longest == nullptr) return;
    back_off_.note_hindrance(loop_.now());  // it is not to be replaced at once
    longest->let_go_for = DialReason::let_go;
    longest->session->close(for_its_descriptor);
    update(*longest);
}

bool PoolSet::let_idle_session_go() noexcept {
    OriginPool* longest = nullptr;
    for (auto& [key, pool] : pools_) {
        const auto since = pool->idle_since();
        if (since && (longest == nullptr || *since < *longest->idle_since())) longest = pool.get();
    }
    if (longest == nullptr) return false;
    longest->end_longest_idle();
    return true;
}

}  // namespace nikawa::pool
