#include "nikawa/demo/demonstration.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "demo/blocking_peer.hpp"
#include "demo/timed_request.hpp"

namespace nikawa::demo {
namespace {

using namespace std::chrono_literals;

TEST(Demonstration, ServesItsOriginOverTheRelay) {
    const auto demonstration = Demonstration::start(1ms);
    ASSERT_TRUE(demonstration) << demonstration.error();
    const auto& shown = **demonstration;
    const SslContext context = make_client_context(shown.ca_pem());
    const StopSignal never;

    const auto response = get({shown.relay_port(), "demo.example:443", context.get()},
                              std::chrono::steady_clock::now() + 20s,
                              never);
    ASSERT_TRUE(response) << describe(response.error());
    EXPECT_EQ(response->status, 200U);
    EXPECT_GE(response->timing.total, 3ms);  // the handshakes of TCP and TLS, and the request
}

TEST(Demonstration, EndsWhileItsShowWaitsForASilentDaemon) {
    const auto daemon = listen_on_loopback();
    std::ostringstream out;
    auto demonstration = Demonstration::start(0ms);
    ASSERT_TRUE(demonstration) << demonstration.error();
    (*demonstration)->show(port_of(daemon), out);
    auto request = BlockingPeer::accepted_by(daemon);
    EXPECT_EQ(request.receive(4), "GET ");

    demonstration->reset();  // returns although no answer comes
    EXPECT_EQ(out.str().find("failed"), std::string::npos);
}

TEST(Demonstration, EndsWhileItsShowWaitsForADistantOrigin) {
    std::ostringstream out;
    auto demonstration = Demonstration::start(1h);
    ASSERT_TRUE(demonstration) << demonstration.error();
    (*demonstration)->show(1, out);
    demonstration->reset();
}

}  // namespace
}  // namespace nikawa::demo
