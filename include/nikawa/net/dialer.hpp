#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "nikawa/base/result.hpp"
#include "nikawa/http/origin.hpp"
#include "nikawa/net/byte_stream.hpp"
#include "nikawa/net/endpoint.hpp"

namespace nikawa::net {

/// The protocol a connection speaks, by ALPN (RFC 7301) or because it is plain.
enum class Protocol : std::uint8_t { http_1_1, http_2 };

/// Where the time of a dial went; zero for a step that was not needed.
struct DialTimes {
    Duration resolve{};
    Duration connect{};
    Duration tls{};
};

/// What a dial may do.
enum class DialMode : std::uint8_t {
    plain,
    early,     ///< give the connection when early data can be written (RFC 8446 §2.3), if it can:
               ///< only for requests that may be repeated
    http_1_1,  ///< ALPN offers HTTP/1.1 alone: for what only a connection of one's own can carry
};

/// A connection that is ready for its first request.
struct Dialled {
    std::unique_ptr<ByteStream> stream;
    Protocol protocol = Protocol::http_1_1;
    DialTimes times;
    IpAddress address;     ///< of the origin's end
    bool resumed = false;  ///< by a TLS session of before
};

/// Why a dial came to nothing.
struct DialFailure : Failure {
    DialFailure() : Failure{} {}  // for DialResult only
    DialFailure(const Failure& why, std::optional<Endpoint> tried = {})
        : Failure(why), peer(tried) {}

    std::optional<Endpoint> peer;  ///< whose doing it was; nothing if no address was dialled
};

/// What a dial gives: its failure knows the address.
template <class T>
using DialResult = boost::system::result<T, DialFailure>;

/// Which addresses may be connected to.
class AddressRules {
public:
    virtual ~AddressRules() = default;

    /// Nothing when a connection to `address` may be made for `origin`; else address_denied, or
    /// target_denied if none may be made for it at all, whose cause says which rule forbids it.
    [[nodiscard]] virtual std::optional<Failure> refuse(const http::Origin& origin,
                                                        const IpAddress& address) const = 0;
};

/// Makes connections to origins: name, TCP, and TLS with the origin's name verified.
class Dialer {
public:
    virtual ~Dialer() = default;

    /// Errors (side origin): resolve_failed, resolve_timed_out, connect_failed, connect_timed_out,
    /// tls_failed, tls_certificate_rejected, tls_timed_out. Side self: descriptors_exhausted. Side
    /// client: address_denied, target_denied.
    virtual Task<DialResult<Dialled>> dial(const http::Origin& origin, DialMode mode) = 0;

    /// A session to this address has gone silent: dials prefer others for a while.
    virtual void avoid(const http::Origin& /*origin*/, const IpAddress& /*address*/) {}

    /// Keeps the origin's name resolved: asks again, in the background, before the answer expires.
    /// Gives when to be called again; never waits.
    virtual Deadline keep_resolved(const http::Origin& /*origin*/) { return Deadline::none(); }

    /// Whether DNS has not named the address for so long that it is no longer the origin's.
    [[nodiscard]] virtual bool has_left(const http::Origin& /*origin*/,
                                        const IpAddress& /*address*/) const {
        return false;
    }
};

}  // namespace nikawa::net
