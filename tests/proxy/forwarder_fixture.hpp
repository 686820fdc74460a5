#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/client/client_connection.hpp"
#include "nikawa/proxy/denial.hpp"
#include "nikawa/proxy/forwarder.hpp"
#include "support/scripted_dialer.hpp"
#include "support/temporary_directory.hpp"

namespace nikawa::proxy {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): the literals only
using test::H2Origin;
using test::ScriptedPeer;

/// The request ids that are made in a test, in their order.
inline constexpr std::string_view first_id = "00000000000000000000";
inline constexpr std::string_view second_id = "0000000000000000000g";

/// What we add to a request without an id of its own, and to the first response of a test.
inline constexpr std::string_view marks =
    "X-Chocon-Id: 00000000000000000000\r\nVia: 1.1 nikawa\r\n";
inline constexpr std::string_view marks_of_h2 =
    "X-Chocon-Id: 00000000000000000000\r\nVia: 2 nikawa\r\n";

/// "GET /a" and further field lines, to the origin https://api.example.com.
std::string request(std::string_view method_and_target, std::string_view field_lines = "");

/// A whole response of an HTTP/1.1 origin.
std::string response(std::string_view status_and_reason, std::string_view body);

/// `text` for `count` times.
std::string repeated(std::string_view text, std::size_t count);

/// The whole way of an exchange in memory: clients, our connections to them, the forwarder, its
/// pools and their sessions, and origins that answer as the test says.
///
///     auto& origin = dialer.connect_h1();
///     origin.expect_head("GET /a ").send(response("200 OK", "one"));
///     auto& client = connect();
///     client.send(request("GET /a")).expect("HTTP/1.1 200 OK\r\n");
///     EXPECT_TRUE(client.finished());
///
/// Settings count from the first `connect()` on.
class ForwarderFixture : public testing::Test {
protected:
    ForwarderFixture();
    ~ForwarderFixture() override;

    /// A client of ours on a new connection.
    ScriptedPeer& connect(const test::WireSettings& wire = {});

    /// The client's end of the connection is gone.
    void hang_up(ScriptedPeer& client);

    /// Cuts off all connections, as the daemon does that will wait no longer.
    void cut_off();

    /// How many connections of clients are served.
    [[nodiscard]] std::size_t connections() const { return connections_; }

    /// Ends all exchanges and gives the lines of the access log; the last act of a test.
    std::vector<std::string> log_lines();

    test::TestLoop loop;
    test::ScriptedDialer dialer{loop};
    ForwarderSettings settings;
    client::ClientLimits client_limits;
    pool::PoolLimits pool_limits{.keep_warm = 0s};  // tests of keeping warm say so
    origin::SessionFactory::Limits session_limits;
    std::optional<Failure> denial;  // of the connections made from now on
    MemoryBudget memory{64 * 1024 * 1024};
    CredentialSource* credentials = nullptr;

private:
    struct Client {
        std::optional<Denial> denial;
        std::unique_ptr<client::ClientConnection> connection;
        std::optional<ScriptedPeer> peer;
    };
    struct Proxy {
        explicit Proxy(ForwarderFixture& fixture);

        test::TemporaryDirectory log_directory;
        std::unique_ptr<telemetry::LogWriter> writer;
        telemetry::AccessLog log;
        origin::SessionFactory factory;
        pool::PoolSet pools;
        Forwarder forwarder;
    };
    Task<void> serve(client::ClientConnection& connection);
    void disconnect_all();

    std::size_t connections_ = 0;
    std::optional<Proxy> proxy_;
    std::list<Client> clients_;
};

}  // namespace nikawa::proxy
