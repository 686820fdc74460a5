#include "daemon/refusals.hpp"

#include <array>
#include <chrono>
#include <utility>

#include "nikawa/http/h1_writer.hpp"
#include "nikawa/proxy/own_answer.hpp"

namespace nikawa::daemon {
namespace {

using State = net::IoResult::State;

constexpr Duration linger_time = std::chrono::seconds{1};
constexpr std::size_t most_discarded = 256 * 1024;

// Reads what is there and throws it away; false when no more will come.
bool discard(net::ByteStream& stream, std::size_t& discarded) noexcept {
    std::array<char, 4096> bytes;
    while (discarded < most_discarded) {
        const auto got = stream.try_read(bytes);
        if (got.state == State::would_block) return true;
        if (got.state != State::done) return false;
        discarded += got.bytes;
    }
    return false;
}

// Ends the wait of a stream that nobody reads on but this one.
class Lingering final : private loop::Expirable {
public:
    Lingering(loop::Loop& loop, net::ByteStream& stream)
        : stream_(stream), watchdog_(loop.deadlines(), *this) {
        watchdog_.arm(Deadline::after(loop.now(), linger_time));
    }

private:
    void expire() noexcept override { stream_.close(); }

    net::ByteStream& stream_;
    loop::Watchdog watchdog_;
};

std::string answer_to(Errc why, const std::string& via_name) {
    const auto own = proxy::own_answer({why, Side::self}, "", "", via_name);
    std::string answer;
    http::append_response_head(answer,
                               own.head,
                               http::Sized{own.body.size()},
                               http::Version::http_1_1,
                               http::Persistence::close);
    return answer + own.body;
}

// Input that nobody has read would make the close a reset.
void send(net::ByteStream& stream, Bytes answer) noexcept {
    std::size_t discarded = 0;
    discard(stream, discarded);
    stream.try_write({&answer, 1});
    stream.shutdown_send();
}

}  // namespace

Refusals::Refusals(loop::Loop& loop, const std::string& via_name, std::size_t most_lingering)
    : loop_(loop),
      beyond_limits_(answer_to(Errc::too_many_connections, via_name)),
      no_descriptor_(answer_to(Errc::descriptors_exhausted, via_name)),
      most_lingering_(most_lingering) {}

void Refusals::refuse_at_once(net::ByteStream& stream) const noexcept {
    send(stream, no_descriptor_);
    stream.close();
}

void Refusals::refuse(std::unique_ptr<net::ByteStream> stream) {
    send(*stream, beyond_limits_);
    while (lingering_.size() >= most_lingering_ && let_one_go()) {
    }
    lingering_.push_back(stream.get());
    loop_.spawn(linger(std::move(stream)));
}

Task<void> Refusals::linger(std::unique_ptr<net::ByteStream> stream) {
    const Lingering limit{loop_, *stream};
    std::size_t discarded = 0;
    while (discard(*stream, discarded)) co_await stream->wait_readable();
    std::erase(lingering_, stream.get());
}

bool Refusals::let_one_go() noexcept {
    if (lingering_.empty()) return false;
    net::ByteStream* const first = lingering_.front();
    lingering_.pop_front();
    std::size_t discarded = 0;
    discard(*first, discarded);
    first->close();
    return true;
}

void Refusals::close_all() noexcept {
    while (let_one_go()) {
    }
}

}  // namespace nikawa::daemon
