// The exchanges that become tunnels: CONNECT, and upgrades.

#include "nikawa/proxy/rewrite.hpp"
#include "proxy/connect_target.hpp"
#include "proxy/exchange_run.hpp"
#include "proxy/upgrade.hpp"

namespace nikawa::proxy {

// What is behind a CONNECT is no request, whatever becomes of it.
Task<void> ExchangeRun::forward_connect() {
    if (exchange_.can_tunnel()) exchange_.close_after_response();
    auto done = prepare_connect();
    if (done) done = co_await connect();
    if (!done && client_gone_) done = exchange_.why_gone();
    if (!done) co_await answer(done.error());
    log();
}

Result<void> ExchangeRun::prepare_connect() {
    const auto& settings = forwarder_.settings_;
    const auto& head = exchange_.head();
    host_ = head.target;
    auto target = connect_target(head, exchange_.request_framing());
    if (!target) {
        const bool is_host_field =
            target.error().code == Errc::bad_host && mapping::host_and_port(head.target);
        if (is_host_field) host_ = *head.fields.find(http::FieldId::host);
        return target.error();
    }
    origin_ = std::move(*target);
    origin_text_ = "tcp://" + host_;
    if (is_loop(head, settings.identity.via_name)) {
        return Failure{Errc::loop_detected, Side::client};
    }
    if (!exchange_.can_tunnel()) return refused(TunnelRefusal::not_http_1);
    if (settings.fixed_origin) return refused(TunnelRefusal::fixed_origin);
    if (const auto why = refuse_connect(origin_, settings.connect_ports, settings.host_rules)) {
        return *why;
    }
    if (settings.targets != nullptr) {
        if (const auto why = settings.targets->refuse(origin_)) return *why;
    }
    return {};
}

Task<Result<void>> ExchangeRun::connect() {
    const auto room = check_memory();
    if (!room) co_return room;
    const TimePoint began = forwarder_.loop_.now();
    TunnelDial dial{forwarder_.loop_, forwarder_.pools_.dialer(), forwarder_.abandoned_dials_};
    dial_ = &dial;
    exchange_.watch_client(this);
    ++record_.attempts;
    auto dialled = co_await dial.dial(origin_);
    dial_ = nullptr;
    record_.wait = forwarder_.loop_.now() - began;
    if (!dialled) {
        if (dialled.error().peer) note_failed_dial(*dialled.error().peer);
        co_return dialled.error();
    }
    record_.resolve = dialled->times.resolve;
    record_.connect = dialled->times.connect;
    record_.protocol = "tcp";
    stream_.address = dialled->stream->peer_address();

    http::ResponseHead head;
    head.status = 200;
    head.reason = "Connection established";
    head.fields.add(forwarder_.settings_.identity.request_id_field, request_id());
    net::TunnelEnd origin{*dialled->stream, {}};
    co_return co_await run_tunnel(head, origin);
}

pool::OriginPool& ExchangeRun::pool() const {
    auto& pools = forwarder_.pools_;
    if (upgrade_.empty()) return pools.pool_of(origin_);
    if (needs_http_1_1_) return pools.pool_of(origin_, pool::SessionKind::http_1_1);
    return pools.pool_for_upgrade(origin_);
}

void ExchangeRun::note_upgrade() {
    if (exchange_.can_tunnel()) upgrade_ = requested_upgrade(exchange_.head());
}

void ExchangeRun::pass_on_upgrade() {
    if (!upgrade_.empty()) add_upgrade(exchange_.head().fields, upgrade_);
}

// The pool knew the origin for one of HTTP/1.1, and it is no more.
bool ExchangeRun::must_acquire_anew() {
    if (upgrade_.empty() || stream_.protocol != net::Protocol::http_2) return false;
    stream_.lease.reset();
    needs_http_1_1_ = true;
    return true;
}

// RFC 9110 §15.2.2.
Task<Result<void>> ExchangeRun::switch_protocols(http::ResponseHead& head) {
    constexpr Failure malformed{Errc::malformed, Side::origin};
    final_head_received_ = true;
    const auto agreed = agreed_upgrade(head, upgrade_);
    co_await body_.stop();
    auto origin = stream_.lease->take_over();
    if (!agreed || !origin) co_return malformed;
    to_client(head, request_id(), forwarder_.settings_.identity);
    add_upgrade(head.fields, *agreed);
    co_return co_await run_tunnel(head, *origin);
}

// After the answer there is none that could tell of a failure: it goes to the log alone.
Task<Result<void>> ExchangeRun::run_tunnel(const http::ResponseHead& head, net::TunnelEnd& origin) {
    auto& loop = forwarder_.loop_;
    record_.first_byte = loop.now() - exchange_.started_at();
    record_.status = head.status;
    auto client = co_await exchange_.open_tunnel(head);
    if (!client) co_return client.error();
    origin.stream.bear_full_window();  // one side may be silent for as long as the other is not
    Tunnel tunnel{loop,
                  std::move(*client),
                  std::move(origin),
                  {.scratch = forwarder_.tunnel_scratch(),
                   .memory = forwarder_.memory_,
                   .inactivity = forwarder_.settings_.tunnel_timeout}};
    tunnel_ = &tunnel;
    if (client_gone_) tunnel.cut(exchange_.why_gone());
    record_.failure = co_await tunnel.run();
    tunnel_ = nullptr;
    record_.is_tunnel = true;
    record_.request_bytes = tunnel.to_origin();
    record_.response_bytes = tunnel.to_client();
    co_return Result<void>{};
}

}  // namespace nikawa::proxy
