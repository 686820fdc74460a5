#include "demo/demo_origin.hpp"

#include <gtest/gtest.h>

#include "demo/blocking_peer.hpp"
#include "demo/timed_request.hpp"
#include "support/h2_client.hpp"

namespace nikawa::demo {
namespace {

using namespace std::chrono_literals;

class DemoOriginTest : public testing::Test {
protected:
    Result<TimedResponse> get_as(const std::string& host) {
        const Destination destination{origin.port(), host, client_context.get()};
        return get(destination, std::chrono::steady_clock::now() + 20s, never);
    }

    DemoOrigin origin{"demo.example"};
    SslContext client_context = make_client_context(origin.ca_pem());
    StopSignal never;
};

TEST_F(DemoOriginTest, AnswersOverHttp11UnderBothOfItsNames) {
    for (const auto* host : {"demo.example:8443", "localhost:8443"}) {
        const auto response = get_as(host);
        ASSERT_TRUE(response) << describe(response.error());
        EXPECT_EQ(response->status, 200U);
        EXPECT_EQ(response->body, "hello from demo.example over http/1.1\n");
    }
}

TEST_F(DemoOriginTest, IsRefusedUnderAnotherNameOrWithAnotherCertificate) {
    EXPECT_EQ(get_as("other.example:8443").error().code, Errc::tls_certificate_rejected);

    const DemoOrigin another{"demo.example"};
    client_context = make_client_context(another.ca_pem());
    EXPECT_EQ(get_as("demo.example:8443").error().code, Errc::tls_certificate_rejected);
}

/// A TLS client that asks for HTTP/2.
class H2Connection {
public:
    H2Connection(SSL_CTX* context, std::uint16_t port)
        : peer_(BlockingPeer::connected_to(port)), ssl_(SSL_new(context)) {
        constexpr std::array<unsigned char, 3> h2{2, 'h', '2'};
        SSL_set_alpn_protos(ssl_.get(), h2.data(), h2.size());
        SSL_set_fd(ssl_.get(), peer_.fd());
        EXPECT_EQ(SSL_connect(ssl_.get()), 1);
    }

    std::string get() {
        const auto stream = client_.request(test::H2Client::head("GET"));
        while (!client_.response(stream).complete) {
            const std::string out = client_.to_send();
            if (!out.empty()) SSL_write(ssl_.get(), out.data(), static_cast<int>(out.size()));
            std::array<char, 4096> in;
            const int got = SSL_read(ssl_.get(), in.data(), in.size());
            if (got <= 0) return "the origin has closed";
            client_.receive({in.data(), static_cast<std::size_t>(got)});
        }
        return client_.response(stream).body;
    }

private:
    BlockingPeer peer_;
    Ssl ssl_;
    test::H2Client client_;
};

TEST_F(DemoOriginTest, AnswersOverHttp2OnConnectionsThatStayOpenSideBySide) {
    H2Connection one{client_context.get(), origin.port()};
    H2Connection other{client_context.get(), origin.port()};
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(one.get(), "hello from demo.example over h2\n");
        EXPECT_EQ(other.get(), "hello from demo.example over h2\n");
    }
}

TEST_F(DemoOriginTest, SurvivesAClientThatDoesNotSpeakTls) {
    auto client = BlockingPeer::connected_to(origin.port());
    client.send("GET / HTTP/1.1\r\nHost: demo.example\r\n\r\n");
    client.receive(1000);  // an alert, or the end
    EXPECT_TRUE(get_as("demo.example:8443"));
}

}  // namespace
}  // namespace nikawa::demo
