#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/client_fixture.hpp"
#include "client/h2_request.hpp"
#include "support/h2_client.hpp"
#include "support/h2_frame_peer.hpp"

namespace nikawa::client {

namespace h2 = test::h2;
using More = test::H2Client::More;
using Fields = test::H2Client::Fields;

inline Fields get(const std::string& target) {
    return test::H2Client::head("GET", target, "api.example.com");
}

inline Fields post(const std::string& target, const Fields& more = {}) {
    auto head = test::H2Client::head("POST", target, "api.example.com");
    head.insert(head.end(), more.begin(), more.end());
    return head;
}

/// A client that speaks HTTP/2 with a connection of ours, by a library that keeps to the rules.
class H2ClientFixture : public ClientFixture {
protected:
    ~H2ClientFixture() override {
        go_on();
        if (connection != nullptr) connection->close();
        loop.run();
    }

    void connect(std::uint32_t window = 65535, const test::WireSettings& wire = {}) {
        stream.reset();
        peer.emplace(window);
        stream = accept(wire);
        pump();
    }

    /// Until nobody has anything to say.
    void pump() {
        if (!peer) return;
        for (bool moved = true; moved;) {
            moved = false;
            out += peer->to_send();
            while (!out.empty()) {
                const Bytes rest = out;
                const auto sent = stream->try_write({&rest, 1});
                if (sent.state != net::IoResult::State::done) break;
                out.erase(0, sent.bytes);
                moved = true;
            }
            loop.run();
            moved |= take();
        }
    }

    /// A request without a body, and its answer.
    test::H2Client::Response& ask(const Fields& head) {
        const auto id = peer->request(head);
        pump();
        return peer->response(id);
    }

    /// Lets all that wait answer.
    void go_on() {
        for (auto& event : handler.held) event.notify();
        pump();
    }

    /// How the connection ended on the client's side, if it has.
    std::optional<net::IoResult::State> end;
    std::optional<test::H2Client> peer;
    std::unique_ptr<test::MemoryStream> stream;

private:
    bool take() {
        std::array<char, 16384> buffer;
        bool moved = false;
        for (;;) {
            const auto read = stream->try_read(buffer);
            if (read.state != net::IoResult::State::done) {
                if (read.state != net::IoResult::State::would_block) end = read.state;
                return moved;
            }
            EXPECT_TRUE(peer->receive({buffer.data(), read.bytes}));
            moved = true;
        }
    }

    std::string out;
};

/// Answers 200 with the target for a body, without looking at that of the request.
inline Task<void> answer_target(FunctionHandler& handler, ClientExchange& exchange) {
    const std::string target = exchange.head().target;
    co_await send_response(handler, exchange, 200, target);
}

/// Waits for the test before it answers like `answer_target`.
inline Task<void> answer_later(FunctionHandler& handler, ClientExchange& exchange) {
    co_await handler.held.emplace_back(*handler.loop).wait();
    co_await answer_target(handler, exchange);
}

}  // namespace nikawa::client
