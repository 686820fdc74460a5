#include "nikawa/demo/demonstration.hpp"

#include <exception>
#include <optional>

#include "demo/comparison.hpp"
#include "demo/demo_origin.hpp"
#include "demo/distance_relay.hpp"

namespace nikawa::demo {

struct Demonstration::Parts {
    explicit Parts(Duration rtt_)
        : rtt(rtt_),
          origin(Demonstration::origin_name),
          relay(origin.port(), rtt),
          client_tls(make_client_context(origin.ca_pem())) {}

    Duration rtt;
    DemoOrigin origin;
    DistanceRelay relay;
    SslContext client_tls;
    std::optional<StoppableThread> show;
};

boost::system::result<std::unique_ptr<Demonstration>, std::string> Demonstration::start(
    std::chrono::milliseconds rtt) {
    try {
        return std::unique_ptr<Demonstration>{new Demonstration{rtt}};
    } catch (const std::exception& error) {
        return std::string{"the demonstration cannot start: "} + error.what();
    }
}

Demonstration::Demonstration(std::chrono::milliseconds rtt)
    : parts_(std::make_unique<Parts>(rtt)) {}

Demonstration::~Demonstration() = default;

const std::string& Demonstration::ca_pem() const { return parts_->origin.ca_pem(); }

std::uint16_t Demonstration::relay_port() const { return parts_->relay.port(); }

void Demonstration::show(std::uint16_t daemon_port, std::ostream& out) {
    Comparison comparison{.origin_name = origin_name,
                          .tls = parts_->client_tls.get(),
                          .relay_port = relay_port(),
                          .daemon_port = daemon_port,
                          .rtt = parts_->rtt};
    parts_->show.emplace([comparison = std::move(comparison), &out](const StopSignal& stop) {
        run_comparison(comparison, stop, out);
    });
}

}  // namespace nikawa::demo
