#include "demo/timed_request.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "nikawa/http/h1_body_decoder.hpp"
#include "nikawa/http/h1_head_parser.hpp"

namespace nikawa::demo {
namespace {

TimePoint now() { return std::chrono::steady_clock::now(); }

/// A client's connection, plain or with TLS, whose calls wait for their end.
class ClientConnection {
public:
    ClientConnection(TimePoint until, const StopSignal& stop) : until_(until), stop_(stop) {}

    Result<void> connect(std::uint16_t port) {
        socket_ = begin_connect(port);
        if (!socket_) return Failure{Errc::connect_failed, Side::origin, last_error(errno)};
        if (const auto ready = wait(POLLOUT); !ready) return ready.error();
        int error = 0;
        socklen_t bytes = sizeof error;
        ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &bytes);
        if (error != 0) return Failure{Errc::connect_failed, Side::origin, last_error(error)};
        return {};
    }

    Result<void> start_tls(SSL_CTX* context, const std::string& name) {
        ssl_.reset(SSL_new(context));
        if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.get()) != 1 ||
            SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) != 1 ||
            SSL_set1_host(ssl_.get(), name.c_str()) != 1) {
            return Failure{Errc::tls_failed, Side::self};
        }
        const auto done = complete(POLLIN, [this] { return SSL_connect(ssl_.get()); });
        if (done) return {};
        if (SSL_get_verify_result(ssl_.get()) == X509_V_OK) return done.error();
        return Failure{Errc::tls_certificate_rejected, Side::origin};
    }

    Result<void> send(Bytes bytes) {
        while (!bytes.empty()) {
            const auto sent = complete(POLLOUT, [&] {
                return ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                            : static_cast<int>(
                                  ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
            });
            if (!sent) return sent.error();
            bytes.remove_prefix(*sent);
        }
        return {};
    }

    /// At least one byte; an end of input is a failure (peer_closed).
    Result<std::size_t> receive(MutableBytes into) {
        return complete(POLLIN, [&] {
            return ssl_ ? SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()))
                        : static_cast<int>(::recv(socket_.get(), into.data(), into.size(), 0));
        });
    }

private:
    static boost::system::error_code last_error(int error) {
        return {error, boost::system::system_category()};
    }

    Result<void> wait(short events) const {
        std::array polled{pollfd{socket_.get(), events, 0}, stop_.polled()};
        wait_for(polled, until_);
        if (polled[1].revents != 0) return Failure{Errc::abandoned, Side::self};
        if (polled[0].revents == 0) return Failure{Errc::response_head_timed_out, Side::origin};
        return {};
    }

    /// Repeats `attempt` (bytes moved, or not positive) until it moves something; without TLS it
    /// waits for `awaited` in between.
    template <class Attempt>
    Result<std::size_t> complete(short awaited, Attempt attempt) {
        for (;;) {
            ERR_clear_error();
            const int moved = attempt();
            if (moved > 0) return static_cast<std::size_t>(moved);
            if (ssl_) {
                const int error = SSL_get_error(ssl_.get(), moved);
                const bool reads = error == SSL_ERROR_WANT_READ;
                if (!reads && error != SSL_ERROR_WANT_WRITE) return broken();
                awaited = reads ? POLLIN : POLLOUT;
            } else if (moved == 0 || (errno != EAGAIN && errno != EINTR)) {
                return broken();
            }
            if (const auto ready = wait(awaited); !ready) return ready.error();
        }
    }

    [[nodiscard]] Failure broken() const {
        const bool in_handshake = ssl_ && SSL_is_init_finished(ssl_.get()) == 0;
        return {in_handshake ? Errc::tls_failed : Errc::peer_closed, Side::origin};
    }

    TimePoint until_;
    const StopSignal& stop_;
    net::UniqueFd socket_;
    Ssl ssl_;
};

/// Reads one response to a GET, and notes when its first byte came.
Result<TimedResponse> receive_response(ClientConnection& connection, TimePoint sent) {
    TimedResponse response;
    http::H1HeadParser parser{http::HeadLimits{}};
    http::H1BodyDecoder body{Side::origin, http::HeadLimits{}};
    http::ResponseHead head;
    std::string received;
    std::array<char, 16 * 1024> buffer;
    while (response.status == 0 || !body.at_end()) {
        const auto got = connection.receive(buffer);
        if (!got) return got.error();
        if (response.timing.first_byte == Duration::zero()) {
            response.timing.first_byte = now() - sent;
        }
        received.append(buffer.data(), *got);
        if (response.status == 0) {
            const auto taken = parser.parse_response(received, head);
            if (!taken) return taken.error();
            if (*taken == 0) continue;
            const auto framing = http::response_framing("GET", head);
            if (!framing) return framing.error();
            body.start(*framing);
            received.erase(0, *taken);
            response.status = head.status;
        }
        for (std::size_t taken = 1; taken > 0 && !body.at_end();) {
            const auto step = body.decode(received);
            if (!step) return step.error();
            response.body += step->data;
            taken = step->taken;
            received.erase(0, taken);
        }
    }
    return response;
}

}  // namespace

SslContext make_client_context(const std::string& ca_pem) {
    SslContext context{SSL_CTX_new(TLS_client_method())};
    const std::unique_ptr<BIO, FreeBy<BIO_free>> text{
        BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size()))};
    const std::unique_ptr<X509, FreeBy<X509_free>> ca{
        PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)};
    if (!context || !ca ||
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), ca.get()) != 1) {
        throw std::runtime_error{"the certificate to trust cannot be used"};
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    return context;
}

Result<TimedResponse> get(const Destination& destination, TimePoint until, const StopSignal& stop) {
    const TimePoint start = now();
    ClientConnection connection{until, stop};
    if (const auto done = connection.connect(destination.port); !done) return done.error();
    const TimePoint connected = now();
    if (destination.tls != nullptr) {
        const std::string name = destination.host.substr(0, destination.host.rfind(':'));
        const auto done = connection.start_tls(destination.tls, name);
        if (!done) return done.error();
    }
    const TimePoint ready = now();
    const auto sent = connection.send("GET / HTTP/1.1\r\nHost: " + destination.host +
                                      "\r\nUser-Agent: nikawa-demo\r\nAccept: */*\r\n\r\n");
    if (!sent) return sent.error();
    auto response = receive_response(connection, ready);
    if (!response) return response;
    response->timing.connect = connected - start;
    if (destination.tls != nullptr) response->timing.tls = ready - connected;
    response->timing.total = now() - start;
    return response;
}

}  // namespace nikawa::demo
