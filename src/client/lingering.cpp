#include "client/lingering.hpp"

#include <array>

namespace nikawa::client {
namespace {

using State = net::IoResult::State;

constexpr std::size_t discard_capacity = 16 * 1024;

// Outside the coroutine, whose frame would hold the buffer.
net::IoResult discard_input(net::ByteStream& stream) {
    std::array<char, discard_capacity> buffer;
    return stream.try_read(buffer);
}

}  // namespace

Task<void> linger(loop::Loop& loop,
                  net::ByteStream& stream,
                  Inactivity& inactivity,
                  Duration longest) {
    stream.shutdown_send();
    const auto last = Deadline::after(loop.now(), longest);
    inactivity.expect_input_by(std::min(last, Deadline::after(loop.now(), linger_silence)));
    while (!inactivity.is_input_overdue()) {
        const auto got = discard_input(stream);
        if (got.state == State::done) {
            inactivity.expect_input_by(std::min(last, Deadline::after(loop.now(), linger_silence)));
            co_await loop.yield();  // who sends faster than this reads holds up nobody else
        } else if (got.state == State::would_block) {
            co_await stream.wait_readable();
        } else {
            break;
        }
    }
    inactivity.expect_input_by(Deadline::none());
}

}  // namespace nikawa::client
