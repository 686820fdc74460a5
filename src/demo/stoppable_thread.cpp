#include "demo/stoppable_thread.hpp"

#include <pthread.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace nikawa::demo {

StopSignal::StopSignal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_) throw std::system_error{errno, std::generic_category(), "eventfd"};
}

void StopSignal::raise() noexcept { ::eventfd_write(event_.get(), 1); }

bool StopSignal::is_raised() const {
    pollfd event = polled();
    return ::poll(&event, 1, 0) > 0;
}

void block_signals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace nikawa::demo
