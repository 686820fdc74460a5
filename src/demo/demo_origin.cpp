#include "demo/demo_origin.hpp"

#include <openssl/err.h>

#include <array>
#include <memory>

#include "demo/openssl_types.hpp"
#include "demo/responder.hpp"
#include "demo/serve.hpp"

namespace nikawa::demo {
namespace {

/// One client of the origin: handshake, then a responder of the protocol that ALPN chose.
class OriginConnection {
public:
    OriginConnection(net::UniqueFd socket, SSL_CTX* context)
        : socket_(std::move(socket)), ssl_(SSL_new(context)) {
        SSL_set_fd(ssl_.get(), socket_.get());
    }

    [[nodiscard]] std::array<pollfd, 1> polled() const {
        return {pollfd{socket_.get(), awaited_, 0}};
    }
    [[nodiscard]] TimePoint next_due() const { return TimePoint::max(); }
    [[nodiscard]] bool is_over() const { return !socket_; }

    /// Comes as far as it can without waiting. Reads only when all is written, so that a client
    /// that does not read is not answered without end.
    void advance(std::span<const pollfd> polled) {
        if (polled[0].revents == 0) return;
        for (;;) {
            ERR_clear_error();
            const int moved = step();
            if (moved > 0) continue;
            switch (SSL_get_error(ssl_.get(), moved)) {
                case SSL_ERROR_WANT_READ: awaited_ = POLLIN; return;
                case SSL_ERROR_WANT_WRITE: awaited_ = POLLOUT; return;
                default: socket_.reset(); return;
            }
        }
    }

private:
    int step() {
        if (!responder_) return accept();
        if (!out_.empty()) return write();
        if (then_ == Responder::Then::close) {
            SSL_shutdown(ssl_.get());
            return -1;
        }
        std::array<char, 16 * 1024> buffer;
        const int got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
        if (got > 0) {
            then_ = responder_->take({buffer.data(), static_cast<std::size_t>(got)}, out_);
        }
        return got;
    }

    int accept() {
        const int done = SSL_accept(ssl_.get());
        if (done == 1) {
            const unsigned char* name = nullptr;
            unsigned name_bytes = 0;
            SSL_get0_alpn_selected(ssl_.get(), &name, &name_bytes);
            const Bytes protocol{reinterpret_cast<const char*>(name), name_bytes};
            responder_ = protocol == "h2" ? make_h2_responder() : make_h1_responder();
            then_ = responder_->take({}, out_);
        }
        return done;
    }

    int write() {
        const int sent = SSL_write(ssl_.get(), out_.data(), static_cast<int>(out_.size()));
        if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
        return sent;
    }

    net::UniqueFd socket_;
    Ssl ssl_;
    short awaited_ = POLLIN;
    std::unique_ptr<Responder> responder_;
    Responder::Then then_ = Responder::Then::go_on;
    std::string out_;
};

}  // namespace

// The certificate lasts for a year: who forgets to end the demonstration can still use it.
DemoOrigin::DemoOrigin(const std::string& name)
    : DemoOrigin(net::make_self_signed(std::array<std::string, 2>{name, "localhost"},
                                       {.until = std::chrono::hours{365 * 24}})) {}

DemoOrigin::DemoOrigin(const net::PemIdentity& identity)
    : ca_pem_(identity.certificate),
      tls_(identity, {net::Protocol::http_2, net::Protocol::http_1_1}),
      listener_(listen_on_loopback()),
      port_(port_of(listener_)),
      thread_([this](const StopSignal& stop) { run(stop); }) {}

void DemoOrigin::run(const StopSignal& stop) {
    serve<OriginConnection>(listener_, stop, [this](auto& connections, net::UniqueFd client) {
        connections.emplace_back(std::move(client), tls_.native_handle());
    });
}

}  // namespace nikawa::demo
