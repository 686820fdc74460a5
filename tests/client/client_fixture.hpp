#pragma once

#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/client/client_connection.hpp"
#include "support/memory_stream.hpp"
#include "support/scripted_peer.hpp"
#include "support/test_loop.hpp"

namespace nikawa::client {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): the literals only

/// A handler that is one function, and remembers what it was asked.
class FunctionHandler final : public RequestHandler {
public:
    using Answer = Task<void> (*)(FunctionHandler& handler, ClientExchange& exchange);

    Task<void> handle(ClientExchange& exchange) override;

    /// Answers with the status that `statuses` has for the failure's code.
    Task<void> refuse(ClientExchange& exchange, const Failure& failure) override;

    Answer answer = nullptr;
    std::vector<std::string> requests;                         ///< "GET /path" of each
    std::vector<Failure> refused;                              ///< what refuse() was told
    std::optional<Failure> body_failure;                       ///< of the last request body
    std::optional<Failure> send_failure;                       ///< of the last response
    Failure failure_to_tell{Errc::peer_closed, Side::origin};  ///< for answers that break off
    std::string body;                                          ///< of the last request
    std::string response;             ///< the body that `converse` answers with
    std::size_t body_pieces = 0;      ///< in which it came
    std::uint64_t request_bytes = 0;  ///< as the exchange counted them
    std::uint64_t response_bytes = 0;
    ClientExchange* exchange = nullptr;  ///< while it runs
    std::optional<loop::Event> go_on;    ///< for answers that wait for the test
    std::list<loop::Event> held;         ///< for those that do so at once, over HTTP/2
    loop::Loop* loop = nullptr;
};

/// Reads the request body to its end or its failure, into `handler.body`.
Task<void> read_body(FunctionHandler& handler, ClientExchange& exchange);

/// A whole response with a Content-Length and that body.
Task<void> send_response(FunctionHandler& handler,
                         ClientExchange& exchange,
                         unsigned status,
                         std::string_view body);

/// Reads the request and answers 200 with the body "ok".
Task<void> answer_ok(FunctionHandler& handler, ClientExchange& exchange);

/// Answers 200 with the body "ok" and does not look at the request body.
Task<void> answer_without_reading(FunctionHandler& handler, ClientExchange& exchange);

/// Answers 200 with the chunks "one" and "two" and the trailer `Sum: 6`.
Task<void> answer_in_chunks(FunctionHandler& handler, ClientExchange& exchange);

/// Reads the request body beside a response in chunks: the head at the first `go_on`, at the next
/// `handler.response` and the end.
Task<void> converse(FunctionHandler& handler, ClientExchange& exchange);

/// What `answer_ok` looks like on the wire.
inline constexpr std::string_view ok_response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
inline constexpr std::string_view ok_and_close =
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// A client in memory that speaks with a connection of ours.
class ClientFixture : public testing::Test {
protected:
    ClientFixture();
    ~ClientFixture() override;

    /// Connects a client, in place of the one before.
    test::ScriptedPeer& connect(const test::WireSettings& settings = {});

    /// The same for a client that is not a script; gives its end.
    std::unique_ptr<test::MemoryStream> accept(const test::WireSettings& settings = {});

    /// Whether `run()` has returned, after running what is ready.
    [[nodiscard]] bool has_ended();

    test::TestLoop loop;
    FunctionHandler handler;
    ClientLimits limits;
    IdleListener* idle_listener = nullptr;
    std::unique_ptr<ClientConnection> connection;
    test::MemoryStream* our_end = nullptr;
    std::optional<test::ScriptedPeer> client;

private:
    void disconnect();
    Task<void> serve();

    bool ended_ = false;
};

}  // namespace nikawa::client
