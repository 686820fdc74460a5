#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/socket_address.hpp"
#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/listener.hpp"
#include "nikawa/net/tcp_stream.hpp"

namespace nikawa::net {

using namespace std::chrono_literals;

/// What a stream gave until it ended, and how it ended.
struct Received {
    std::string bytes;
    IoResult end;
};

inline Task<Received> receive_all(ByteStream& stream, std::size_t step = 64 * 1024) {
    Received received{};
    std::string room(step, '\0');
    for (;;) {
        received.end = stream.try_read(room);
        if (received.end.state == IoResult::State::done) {
            received.bytes.append(room, 0, received.end.bytes);
        } else if (received.end.state == IoResult::State::would_block) {
            co_await stream.wait_readable();
        } else {
            co_return received;
        }
    }
}

inline Task<std::string> receive(ByteStream& stream, std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t filled = 0;
    while (filled < size) {
        const auto got = stream.try_read(MutableBytes{bytes}.subspan(filled));
        filled += got.bytes;
        if (got.state == IoResult::State::would_block) {
            co_await stream.wait_readable();
        } else if (got.state != IoResult::State::done) {
            break;
        }
    }
    bytes.resize(filled);
    co_return bytes;
}

/// Writes all of it; says how often the stream would have blocked.
inline Task<int> send_all(ByteStream& stream, std::string bytes) {
    int blocked = 0;
    Bytes left = bytes;
    while (!left.empty()) {
        const Bytes pieces[] = {left.substr(0, 7),
                                left.substr(std::min<std::size_t>(7, left.size()))};
        const auto sent = stream.try_write(pieces);
        if (sent.state == IoResult::State::would_block) {
            ++blocked;
            co_await stream.wait_writable();
        } else if (sent.state != IoResult::State::done) {
            break;
        }
        left.remove_prefix(sent.bytes);
    }
    co_return blocked;
}

/// Bytes in which a lost or doubled piece shows.
inline std::string pattern(std::size_t size) {
    std::string bytes;
    bytes.reserve(size + 16);
    for (std::size_t i = 0; bytes.size() < size; ++i) bytes += std::to_string(i) + ' ';
    bytes.resize(size);
    return bytes;
}

template <class T>
class Pending {
public:
    Pending(loop::Loop& loop, Task<T> task) { loop.spawn(keep(std::move(task), result_)); }
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;

    [[nodiscard]] bool is_done() const { return result_.has_value(); }
    T take() { return std::move(*result_); }

private:
    static Task<void> keep(Task<T> task, std::optional<T>& result) {
        result.emplace(co_await std::move(task));
    }

    std::optional<T> result_;
};

/// Real sockets on the loopback, one loop, and no waiting for anything but what has to happen.
class IoTest : public testing::Test {
protected:
    template <class Condition>
    void run_until(Condition condition) {
        const auto give_up = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "it never happened";
            event_loop.io().run_one_for(1s);
        }
    }

    /// Runs everything that is ready, and returns.
    void settle() {
        while (event_loop.io().poll_one() > 0) {
        }
    }

    template <class T>
    T await(Task<T> task) {
        Pending<T> pending{loop, std::move(task)};
        run_until([&] { return pending.is_done(); });
        return pending.take();
    }

    /// A connected pair of descriptors: ours and the peer's.
    static std::pair<UniqueFd, UniqueFd> connected_pair() {
        const UniqueFd listening = listen_on("127.0.0.1", 0);
        UniqueFd ours{::socket(AF_INET, SOCK_STREAM, 0)};
        SocketAddress address;
        getsockname(listening.get(), address.get(), &address.size);
        EXPECT_EQ(::connect(ours.get(), address.get(), address.size), 0);
        UniqueFd theirs{::accept(listening.get(), nullptr, nullptr)};
        send_at_once(ours.get());
        send_at_once(theirs.get());
        return {std::move(ours), std::move(theirs)};
    }

    loop::Loop loop;
    EventLoop event_loop{loop};
};

/// Counts what a watched peer does.
struct PeerCloseCount final : PeerCloseListener {
    void peer_closed() noexcept override { ++count; }
    int count = 0;
};

}  // namespace nikawa::net
