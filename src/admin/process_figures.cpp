#include "admin/process_figures.hpp"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace nikawa::admin {
namespace {

std::uint64_t resident_bytes() {
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    const std::unique_ptr<std::FILE, Close> file{std::fopen("/proc/self/statm", "re")};
    unsigned long long total = 0;
    unsigned long long resident = 0;
    if (file == nullptr || std::fscanf(file.get(), "%llu %llu", &total, &resident) != 2) return 0;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

MemoryFigures MemoryFigures::now() {
    const auto arenas = mallinfo2();
    return {.allocated = arenas.uordblks + arenas.hblkhd,
            .from_system = arenas.arena + arenas.hblkhd,
            .allocator_free = arenas.fordblks,
            .resident = resident_bytes()};
}

}  // namespace nikawa::admin
