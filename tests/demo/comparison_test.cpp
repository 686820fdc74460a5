#include "demo/comparison.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "demo/blocking_peer.hpp"
#include "demo/demo_origin.hpp"
#include "demo/distance_relay.hpp"
#include "demo/responder.hpp"

namespace nikawa::demo {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST(AsOverDistance, MovesOneRoundTripFromTlsToConnect) {
    const Timing moved = as_over_distance({.connect = 1ms, .tls = 205ms, .total = 307ms}, 100ms);
    EXPECT_EQ(moved.connect, 101ms);
    EXPECT_EQ(moved.tls, 105ms);
    EXPECT_EQ(moved.total, 307ms);

    const Timing less = as_over_distance({.connect = 1ms, .tls = 60ms}, 100ms);
    EXPECT_EQ(less.connect, 61ms);
    EXPECT_EQ(less.tls, 0ms);
}

TEST(TableRow, FollowsTheTable) {
    const Timing direct{100120us, 101960us, 100340us, 302420us};
    const Timing proxied{80us, 0us, 100340us, 100420us};
    EXPECT_EQ(table_row("direct", direct, 100ms),
              "direct                            100.1   102.0       100.3   302.4     3.0\n");
    EXPECT_EQ(table_row("through", proxied, 100ms),
              "through                             0.1       -       100.3   100.4     1.0\n");
    EXPECT_EQ(table_row("no distance", proxied, 0ms),
              "no distance                         0.1       -       100.3   100.4       -\n");
}

/// What listens where the daemon would, over plain HTTP.
class FakeDaemon {
public:
    [[nodiscard]] std::uint16_t port() const { return port_of(listener_); }

    /// Answers connections one after the other with `answer`; a request ends with an empty line.
    void serve(int connections, const std::string& answer) {
        for (int i = 0; i < connections; ++i) {
            auto client = BlockingPeer::accepted_by(listener_);
            while (!requests_.ends_with("\r\n\r\n")) requests_ += client.receive(1);
            requests_ += "|";
            client.send(answer);
        }
    }

    [[nodiscard]] const std::string& requests() const { return requests_; }

private:
    net::UniqueFd listener_ = listen_on_loopback();
    std::string requests_;
};

class ComparisonTest : public testing::Test {
protected:
    std::string show() {
        std::ostringstream out;
        run_comparison({"demo.example", tls.get(), relay.port(), daemon.port(), rtt, 3}, stop, out);
        return out.str();
    }

    static constexpr Duration rtt = 2ms;

    DemoOrigin origin{"demo.example"};
    DistanceRelay relay{origin.port(), rtt};
    SslContext tls = make_client_context(origin.ca_pem());
    FakeDaemon daemon;
    StopSignal stop;
};

TEST_F(ComparisonTest, ShowsATableAndWhatToTry) {
    std::thread daemon_thread{[this] {
        daemon.serve(3,
                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    }};
    const std::string out = show();
    daemon_thread.join();

    EXPECT_THAT(out, HasSubstr("emulated 2 ms"));
    EXPECT_THAT(out, ContainsRegex("connect +TLS +first byte +total +trips\n"));
    EXPECT_THAT(out, ContainsRegex("direct HTTPS, each request( +[0-9.]+){5}\n"));
    EXPECT_THAT(out, ContainsRegex("through nikawa, first request +[0-9.]+ +-( +[0-9.]+){3}\n"));
    EXPECT_THAT(out, ContainsRegex("through nikawa, every other +[0-9.]+ +-( +[0-9.]+){3}\n"));
    const std::string host = "demo.example.ccnproxy-https:" + std::to_string(relay.port());
    EXPECT_THAT(out,
                HasSubstr("curl -H 'Host: " + host +
                          "' http://127.0.0.1:" + std::to_string(daemon.port()) + "/\n"));
    EXPECT_THAT(out, HasSubstr("Ctrl-C"));
    EXPECT_THAT(daemon.requests(), HasSubstr("Host: " + host + "\r\n"));

    std::istringstream lines{out};
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST_F(ComparisonTest, TellsWhatTheDaemonAnsweredInsteadOfATable) {
    std::thread daemon_thread{[this] {
        daemon.serve(1, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 7\r\n\r\nno way\n");
    }};
    const std::string out = show();
    daemon_thread.join();
    EXPECT_THAT(out, HasSubstr("a request through nikawa was answered with status 502:\nno way\n"));
    EXPECT_THAT(out, Not(HasSubstr("first byte")));
}

TEST_F(ComparisonTest, TellsThatTheDaemonBrokeOff) {
    std::thread daemon_thread{
        [this] { daemon.serve(1, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhal"); }};
    const std::string out = show();
    daemon_thread.join();
    EXPECT_THAT(out, HasSubstr("a request through nikawa failed: "));
}

TEST_F(ComparisonTest, SaysNothingMoreOnceItIsToStop) {
    stop.raise();
    EXPECT_THAT(show(), testing::EndsWith("as a PHP worker does.\n\n"));
}

}  // namespace
}  // namespace nikawa::demo
