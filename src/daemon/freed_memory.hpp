#pragma once

#include <cstddef>

namespace nikawa::daemon {

/// From now on the allocator keeps more of what is freed than by default. Buffers of 64 KiB come
/// and go with every large response: else their pages are given back to the system each time, and
/// cleared when they are asked for again.
void keep_freed_memory();

/// Gives all pages back to the system that nothing is in any more. What is left between blocks in
/// use the allocator never gives back by itself. Holds up whoever allocates meanwhile.
void give_back_freed_memory();

/// Tells when a crowd of clients has left, and its memory with it: at least half of all, a thousand
/// or more, and not for a moment only.
class CrowdWatch {
public:
    /// To be called once a second with the number of connections that are open, and the most that
    /// were since the last call. True once for each crowd.
    bool has_left(std::size_t open, std::size_t most_meanwhile);

private:
    std::size_t most_ = 0;  // since the last crowd left
    std::size_t calm_looks_ = 0;
};

}  // namespace nikawa::daemon
