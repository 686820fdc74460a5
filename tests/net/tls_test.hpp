#pragma once

#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/io_test.hpp"
#include "net/trusted.hpp"
#include "nikawa/net/self_signed.hpp"
#include "nikawa/net/tls_context.hpp"
#include "nikawa/net/tls_server_context.hpp"

namespace nikawa::net {

using State = IoResult::State;

inline http::Origin origin(std::string host) { return {http::Scheme::https, std::move(host), 443}; }

inline PemIdentity identity_of(const std::string& name, const Validity& validity = {}) {
    return make_self_signed(std::array{name}, validity);
}

/// A client of ours and a server in one loop.
class TlsTest : public IoTest {
protected:
    struct Shaken {
        Result<void> ours;
        Result<void> theirs;
    };

    // A client that trusts the server's certificate, unless made otherwise before.
    void connect(const std::string& host = "origin.test", DialMode mode = DialMode::plain) {
        if (!server) server.emplace(identity, std::vector{Protocol::http_2, Protocol::http_1_1});
        if (!client) client.emplace(trust_in(identity), TlsSettings{});
        auto [our_fd, their_fd] = connected_pair();
        their_raw_fd = UniqueFd{::dup(their_fd.get())};
        ours = client->open(event_loop, std::move(our_fd), {}, origin(host), mode);
        theirs = server->open(event_loop, std::move(their_fd));
    }

    Shaken shake() {
        Pending<Result<void>> our_side{loop, ours->handshake(Deadline::none())};
        Pending<Result<void>> their_side{loop, theirs->handshake(Deadline::none())};
        run_until([&] { return our_side.is_done(); });
        const auto ours_ended = our_side.take();
        if (!ours_ended) ours->close();
        run_until([&] { return their_side.is_done(); });
        return {ours_ended, their_side.take()};
    }

    // Connects and expects it to work.
    void establish(const std::string& host = "origin.test", DialMode mode = DialMode::plain) {
        connect(host, mode);
        const auto shaken = shake();
        ASSERT_TRUE(shaken.ours) << describe(shaken.ours.error());
        ASSERT_TRUE(shaken.theirs) << describe(shaken.theirs.error());
    }

    PemIdentity identity = identity_of("origin.test");
    std::optional<TlsServerContext> server;
    std::optional<TlsContext> client;
    std::unique_ptr<TlsStream> ours;
    std::unique_ptr<TlsStream> theirs;
    UniqueFd their_raw_fd;  // the server's socket, to be rude with
    PeerCloseCount closed;
};

}  // namespace nikawa::net
