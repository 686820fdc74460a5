#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

namespace nikawa::demo {

/// What `nikawa --demo` adds to a daemon: a TLS origin inside the process (HTTP/2, and HTTP/1.1 by
/// ALPN), a relay in front of it that emulates distance, and the show that compares requests with
/// and without the pool.
///
/// Origin, relay and show run on threads of their own, with blocking calls, so that they neither
/// take part in what is measured nor need the daemon's loop. Signals are left to other threads.
class Demonstration {
public:
    /// The name that the origin's certificate is for; the daemon resolves it to 127.0.0.1.
    static constexpr const char* origin_name = "demo.example";

    /// Starts the origin and the relay, `rtt` from it (0 is no distance). The error is a text for
    /// the operator.
    static boost::system::result<std::unique_ptr<Demonstration>, std::string> start(
        std::chrono::milliseconds rtt);

    /// Stops whatever is under way, the show too, and joins the threads; does not wait for peers.
    ~Demonstration();

    /// The certificate that the daemon must trust to verify the origin.
    [[nodiscard]] const std::string& ca_pem() const;

    /// Where the origin is reached over the emulated distance.
    [[nodiscard]] std::uint16_t relay_port() const;

    /// Starts the show against the daemon that listens on `daemon_port` of 127.0.0.1, and returns
    /// at once. The table goes to `out`, which must outlive this object. Called once.
    void show(std::uint16_t daemon_port, std::ostream& out);

private:
    struct Parts;
    explicit Demonstration(std::chrono::milliseconds rtt);

    std::unique_ptr<Parts> parts_;
};

}  // namespace nikawa::demo
