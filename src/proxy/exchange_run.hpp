#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "nikawa/proxy/forwarder.hpp"
#include "nikawa/proxy/own_answer.hpp"
#include "proxy/doubted_attempt.hpp"
#include "proxy/request_body.hpp"
#include "proxy/resigned_request.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/tunnel_dial.hpp"

namespace nikawa::proxy {

/// One exchange while it runs: the state that attempts share. Lives in the frame of
/// `Forwarder::handle()`.
class ExchangeRun final : private net::PeerCloseListener, private DoubtedListener {
public:
    ExchangeRun(Forwarder& forwarder, client::ClientExchange& exchange);
    ~ExchangeRun();
    ExchangeRun(const ExchangeRun&) = delete;
    ExchangeRun& operator=(const ExchangeRun&) = delete;

    /// Forwards the request, answers the client and logs.
    Task<void> forward();

    /// Answers a request that could not be read, and logs.
    Task<void> refuse(Failure failure);

private:
    Result<void> prepare();
    Result<void> check_memory();
    Task<Result<void>> run_attempts();
    Task<Result<void>> attempt();
    Task<Result<void>> acquire();
    Task<Result<void>> send_request();
    Task<Result<void>> exchange_messages();
    Task<Result<http::ResponseHead*>> receive_final_head();
    Task<Result<http::ResponseHead*>> receive_first_head();
    Task<Result<http::ResponseHead*>> race_against_doubted();
    Task<Result<http::ResponseHead*>> repeat();
    void note_stream();
    void note_failed_dial(const net::Endpoint& peer);
    [[nodiscard]] bool is_ended_by_length() const;
    Task<Result<void>> relay_body(http::BodyFraming framing);
    Task<void> answer(Failure failure);
    [[nodiscard]] Circumstances circumstances_of(const Failure& failure) const;
    [[nodiscard]] bool is_plain_for_want_of_a_rule(const Failure& failure) const;
    Task<void> send_own(OwnAnswer own);
    void log();
    void peer_closed() noexcept override;
    void doubted_answered() noexcept override { give_up_attempt({Errc::abandoned, Side::self}); }
    void give_up_attempt(const Failure& why) noexcept;
    [[nodiscard]] bool may_be_early() const;
    [[nodiscard]] pool::OriginPool& pool() const;

    // Tunnels (tunnel_exchange.cpp)
    Task<void> forward_connect();
    Result<void> prepare_connect();
    Task<Result<void>> connect();
    void note_upgrade();
    void pass_on_upgrade();
    bool must_acquire_anew();
    Task<Result<void>> switch_protocols(http::ResponseHead& head);
    Task<Result<void>> run_tunnel(const http::ResponseHead& head, net::TunnelEnd& origin);

    [[nodiscard]] Signing signing() const;
    void note_other_signed_hosts(std::string_view signed_host,
                                 std::string_view authority,
                                 mapping::HostForm form);
    [[nodiscard]] std::string_view host_that_is_signed(std::string_view host_field,
                                                       std::string_view authority,
                                                       mapping::HostForm form) const;
    void choose_request_id();
    [[nodiscard]] std::string_view request_id() const { return {id_.data(), id_bytes_}; }

    Forwarder& forwarder_;
    client::ClientExchange& exchange_;
    telemetry::ExchangeRecord record_;
    std::string host_;  // as the client sent it
    http::Origin origin_;
    std::string origin_text_;
    std::array<char, longest_request_id> id_;  // the request's; the first id_bytes_ of it
    std::size_t id_bytes_ = 0;
    std::optional<OwnAnswer> final_answer_;  // nobody else is asked
    bool id_is_ours_ = false;

    std::optional<pool::Waiter> waiter_;  // while a stream is waited for
    pool::Acquired stream_;
    std::optional<DoubtedAttempt> doubted_;  // while the request is repeated beside it
    std::optional<pool::Outage> outage_;     // why no stream could be had, if that is known
    std::string failure_detail_;
    bool was_too_early_ = false;     // the origin wants it on a confirmed session (RFC 8470 §5.2)
    bool repeat_confirmed_ = false;  // and has not had it there yet
    bool client_gone_ = false;
    bool final_head_received_ = false;
    bool needs_http_1_1_ = false;  // the pool gave it a stream that cannot be upgraded
    std::string upgrade_;          // the protocols that it asks to switch to
    TunnelDial* dial_ = nullptr;   // while one is waited for
    Tunnel* tunnel_ = nullptr;     // while it runs
    std::unique_ptr<ResignedRequest> resigned_;  // nearly always there is no need
    RequestBody body_;
};

}  // namespace nikawa::proxy
