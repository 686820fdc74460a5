#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "nikawa/base/time.hpp"

namespace nikawa::admin {

/// What the C library and the system say of this process's memory, in bytes.
struct MemoryFigures {
    std::uint64_t allocated = 0;       ///< in use, of what was asked of the allocator
    std::uint64_t from_system = 0;     ///< what the allocator has asked of the system
    std::uint64_t allocator_free = 0;  ///< kept by the allocator for later
    std::uint64_t resident = 0;        ///< in physical memory, code included

    static MemoryFigures now();
};

/// What is to be told of the process.
struct ProcessFigures {
    std::chrono::system_clock::time_point time{};
    std::string version;
    Duration uptime{};
    std::size_t threads = 1;  ///< that may serve
    std::size_t cpus = 1;
    MemoryFigures memory;
    std::uint64_t body_bytes = 0;       ///< of bodies, held for somebody slow
    std::uint64_t memory_refusals = 0;  ///< exchanges that did not begin because of them
};

}  // namespace nikawa::admin
