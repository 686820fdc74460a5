#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "nikawa/net/descriptor_relief.hpp"
#include "nikawa/net/dialer.hpp"
#include "nikawa/net/event_loop.hpp"
#include "nikawa/net/resolver.hpp"
#include "nikawa/net/tls_context.hpp"

namespace nikawa::net {

class AddressBook;
class ConnectRace;

/// How long each step of a dial may take; zero is no limit.
struct DialSettings {
    Duration resolve_timeout = std::chrono::seconds{5};
    Duration connect_timeout = std::chrono::seconds{10};
    Duration tls_timeout = std::chrono::seconds{10};
    Duration next_address_after = std::chrono::milliseconds{250};  ///< RFC 8305 §5
    Duration unacknowledged = std::chrono::seconds{30};            ///< see detect_dead_peer()
    Duration avoid_failed = std::chrono::seconds{30};  ///< an address that failed comes last
    bool fast_open = false;                            ///< TCP Fast Open (RFC 7413), https alone
    const AddressRules* rules = nullptr;               ///< outlives the dialer; nullptr: all may be
};

/// Dials for real. An address that cannot be reached, or that hangs up during the handshake, is
/// passed over for the next; a handshake that fails otherwise fails the dial.
class TcpTlsDialer final : public Dialer {
public:
    /// `relief` is asked for a descriptor when there is none; may be nullptr.
    TcpTlsDialer(EventLoop& event_loop,
                 Resolver& resolver,
                 TlsContext& tls,
                 const DialSettings& settings,
                 DescriptorRelief* relief = nullptr);
    ~TcpTlsDialer() override;

    Task<DialResult<Dialled>> dial(const http::Origin& origin, DialMode mode) override;
    void avoid(const http::Origin& origin, const IpAddress& address) override;
    Deadline keep_resolved(const http::Origin& origin) override;
    [[nodiscard]] bool has_left(const http::Origin& origin,
                                const IpAddress& address) const override;

    /// Ends all dials that are connecting or shaking hands, with connect_failed or tls_failed, and
    /// any that begins from now on. The resolver's part is the resolver's to cancel.
    void cancel() noexcept;

private:
    Task<Result<Addresses>> resolve(const std::string& host);
    Task<DialResult<Dialled>> dial_one_of(const http::Origin& origin,
                                          DialMode mode,
                                          Addresses& untried);
    Task<Result<Dialled>> begin(const http::Origin& origin,
                                DialMode mode,
                                UniqueFd fd,
                                Endpoint peer,
                                Duration tls_timeout);

    EventLoop& event_loop_;
    Resolver& resolver_;
    TlsContext& tls_;
    DialSettings settings_;
    DescriptorRelief* relief_;
    std::unique_ptr<AddressBook> addresses_;
    std::vector<ConnectRace*> connecting_;
    std::vector<TlsStream*> shaking_hands_;
    bool cancelled_ = false;
};

}  // namespace nikawa::net
