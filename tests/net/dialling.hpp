#pragma once

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/io_test.hpp"
#include "nikawa/net/resolver.hpp"
#include "nikawa/net/tls_server_context.hpp"

namespace nikawa::net {

/// Knows one answer, for any name.
struct FixedResolver final : Resolver {
    Task<Result<Addresses>> resolve(std::string /*host*/, Deadline /*deadline*/) override {
        co_return answer;
    }
    Deadline keep_fresh(const std::string& /*host*/) override { return refresh_at; }
    [[nodiscard]] bool has_left(const std::string& /*host*/,
                                const IpAddress& address) const override {
        return address == left;
    }

    Result<Addresses> answer = Failure{Errc::resolve_failed, Side::origin};
    Deadline refresh_at = Deadline::none();
    IpAddress left;
};

/// A server whose queue is full, so that a connect to it neither succeeds nor fails.
class FullServer {
public:
    explicit FullServer(UniqueFd listening) : listening_(std::move(listening)) {
        ::listen(listening_.get(), 0);
        SocketAddress address;
        getsockname(listening_.get(), address.get(), &address.size);
        port_ = address.endpoint()->port;
        for (bool is_full = false; !is_full;) {
            UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
            EXPECT_NE(::connect(fd.get(), address.get(), address.size), 0);
            pollfd connected{fd.get(), POLLOUT, 0};
            is_full = ::poll(&connected, 1, 20) == 0;
            waiting_.push_back(std::move(fd));
        }
    }

    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    UniqueFd listening_;
    std::uint16_t port_ = 0;
    std::vector<UniqueFd> waiting_;
};

/// Accepts and shakes hands by the server's side of TLS.
class TlsOrigin final : private Pollable {
public:
    TlsOrigin(EventLoop& event_loop, TlsServerContext& server, UniqueFd listening)
        : event_loop_(event_loop), server_(server), listening_(std::move(listening)) {
        EXPECT_EQ(event_loop_.poller().add(listening_.get(), EPOLLIN, *this), 0);
    }
    ~TlsOrigin() { event_loop_.poller().forget(*this); }

    [[nodiscard]] std::uint16_t port() const {
        SocketAddress address;
        getsockname(listening_.get(), address.get(), &address.size);
        return address.endpoint()->port;
    }

    void stop_listening() {
        event_loop_.poller().forget(*this);
        listening_.reset();
    }

    /// The server's ends of the connections, in the order of their coming.
    [[nodiscard]] TlsStream& stream(std::size_t index) const { return *streams_.at(index); }
    [[nodiscard]] std::size_t connections() const { return streams_.size(); }

    /// Whether no handshake is going on.
    [[nodiscard]] bool is_idle() const { return shaken_ == streams_.size(); }

    /// How many of them brought bytes with their SYN (RFC 7413).
    [[nodiscard]] int opened_fast() const { return opened_fast_; }

private:
    void ready(std::uint32_t /*events*/) noexcept override {
        UniqueFd fd{::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK)};
        send_at_once(fd.get());
        tcp_info info{};
        socklen_t size = sizeof info;
        getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
        if ((info.tcpi_options & TCPI_OPT_SYN_DATA) != 0) ++opened_fast_;
        streams_.push_back(server_.open(event_loop_, std::move(fd)));
        event_loop_.loop().spawn(shake(*streams_.back()));
    }

    Task<void> shake(TlsStream& stream) {
        co_await stream.handshake(Deadline::none());
        ++shaken_;
    }

    EventLoop& event_loop_;
    TlsServerContext& server_;
    UniqueFd listening_;
    std::vector<std::unique_ptr<TlsStream>> streams_;
    std::size_t shaken_ = 0;
    int opened_fast_ = 0;
};

}  // namespace nikawa::net
