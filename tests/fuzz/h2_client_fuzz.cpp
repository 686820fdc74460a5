#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "client/h2_request.hpp"
#include "fuzz/fuzz_target.hpp"
#include "fuzz/script.hpp"
#include "nikawa/base/memory_budget.hpp"
#include "nikawa/client/client_connection.hpp"
#include "support/h2_frame_peer.hpp"
#include "support/memory_stream.hpp"

// A connection that speaks HTTP/2 with a client that the input plays. Each octet chooses a frame,
// or an act of those around it, and what follows is its content.
namespace nikawa::fuzz {
namespace {

using namespace std::chrono_literals;
namespace h2 = test::h2;

constexpr client::ClientLimits small_limits{
    .head = {.head_bytes = 512, .start_line_bytes = 100, .fields = 8},
    .body_bytes = 20'000,
    .head_timeout = 5s,
    .idle_timeout = 30s,
    .read_timeout = 10s,
    .write_timeout = 10s,
    .max_streams = 6,
    .first_stream_window = 4096,
    .stream_window = 16 * 1024,
    .memory = nullptr,
    .unindexed_field = {}};

// Windows, the halves of blocks, and what is kept for the next body.
constexpr std::size_t most_held = 2 * 6 * (2 * 16 * 1024 + 64 * 1024);

/// Echoes, answers at once, or breaks off, by the request's method; checks what it is given.
class Handler final : public client::RequestHandler {
public:
    Task<void> handle(client::ClientExchange& exchange) override {
        require(exchange.head().fields.find(http::FieldId::host).has_value());
        require(exchange.head().target.starts_with('/') || exchange.head().target == "*");
        ++begun;
        http::ResponseHead head;
        head.status = 200;
        exchange.begin_response(head, http::Chunked{});
        if (exchange.head().method == "PUT") co_await exchange.flush();
        std::uint64_t received = 0;
        while (exchange.head().method != "GET") {
            const auto piece = co_await exchange.receive_body();
            if (!piece) {
                exchange.break_off(piece.error());
                break;
            }
            if (piece->empty()) {
                const auto* sized = std::get_if<http::Sized>(&exchange.request_framing());
                require(sized == nullptr || sized->bytes == received);
                break;
            }
            received += piece->size();
            const auto sent = co_await exchange.send_body(*piece);
            if (!sent) break;
        }
        co_await exchange.finish_response("end", exchange.request_trailers());
        ++ended;
    }

    Task<void> refuse(client::ClientExchange& exchange, const Failure& failure) override {
        require(failure.side == Side::client);
        ++begun;
        http::ResponseHead head;
        head.status = 400;
        exchange.begin_response(head, http::Sized{0});
        co_await exchange.finish_response({}, {});
        ++ended;
    }

    std::size_t begun = 0;
    std::size_t ended = 0;
};

std::string head_block(std::uint8_t kind) {
    constexpr std::array<std::string_view, 4> methods{"GET", "POST", "PUT", "CONNECT"};
    std::string block = h2::field(":method", methods[kind % 4]) + h2::field(":scheme", "http") +
                        h2::field(":authority", "a.example") + h2::field(":path", "/fuzz");
    if ((kind & 4U) != 0) block += h2::field("content-length", "10");
    if ((kind & 8U) != 0) block += h2::field("expect", "100-continue");
    if ((kind & 16U) != 0) block += h2::field("x-bulk", std::string(120, 'x'));
    return block;
}

std::string settings_by(Script& script) {
    const auto id = static_cast<std::uint16_t>(script.octet() % 8U);
    return h2::settings({{id, script.octet() * 64U}});
}

std::string frame_by(Script& script) {
    const auto choice = script.octet();
    const std::uint32_t stream = script.octet() % 24U;
    const unsigned flags = script.octet();
    switch (choice % 10) {
        case 0:
        case 1: return h2::headers(stream | 1U, head_block(script.octet()), flags);
        case 2:
        case 3:
            return h2::data(stream, std::string(script.octet() * std::size_t{20}, 'd'), flags & 1U);
        case 4: return h2::rst_stream(stream, h2::Error::cancel);
        case 5: return h2::window_update(stream, script.octet());
        case 6: return settings_by(script);
        case 7: return h2::frame(h2::Type::continuation, flags, stream, script.take(30));
        case 8: return h2::headers(stream, h2::field("x-trailer", "1"), flags);
        default:
            return h2::frame(
                static_cast<h2::Type>(script.octet() % 12U), flags, stream, script.take(20));
    }
}

void play(Bytes input) {
    test::TestLoop loop;
    MemoryBudget budget{64 * 1024};
    auto limits = small_limits;
    limits.memory = &budget;
    Handler handler;
    auto pair = test::make_stream_pair(loop);
    auto* const our_end = pair.near.get();
    client::ClientConnection connection{loop.loop(), std::move(pair.near), handler, limits};
    test::H2FramePeer peer{loop, std::move(pair.far), test::H2FramePeer::Role::client};
    loop.spawn(connection.run());
    peer.send(std::string{client::h2_preface} + h2::settings());
    for (Script script{input}; !script.is_over();) {
        const auto act = script.octet();
        if (act < 200) peer.send(frame_by(script));
        if (act % 3 == 0) loop.run();
        if (act >= 200 && act < 210) loop.advance(std::chrono::seconds{act - 199});
        if (act >= 210 && act < 215) our_end->set_capacity(100U * script.octet());
        if (act >= 250) connection.drain();
        require(budget.held() <= most_held);
    }
    loop.run();
    connection.close();
    loop.run();
    require(handler.begun == handler.ended);
    require(loop.loop().task_count() <= 2);  // the peer's
}

}  // namespace
}  // namespace nikawa::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nikawa;
    // Long inputs find nothing that short ones do not.
    fuzz::play(fuzz::text(data, std::min<std::size_t>(size, 4096)));
    return 0;
}
